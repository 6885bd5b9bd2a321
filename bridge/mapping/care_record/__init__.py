"""One section of the care record (Access Record HTML): the practice's page, made safe to show."""

from bridge.mapping.care_record.asked import SectionAsked
from bridge.mapping.care_record.preview import render_preview, style_sheet
from bridge.mapping.care_record.section import map_section

__all__ = ["SectionAsked", "map_section", "render_preview", "style_sheet"]
