"""One section of the care record (Access Record HTML): the practice's page, made safe to show."""

from bridge.mapping.care_record.asked import SectionAsked
from bridge.mapping.care_record.preview import care_record_articles, render_preview, style_sheet
from bridge.mapping.care_record.section import map_section

__all__ = ["SectionAsked", "care_record_articles", "map_section", "render_preview", "style_sheet"]
