"""One section of the care record (Access Record HTML): the practice's page, made safe to show.

`map_section(resource, *, asked: SectionAsked, source: Source) -> CareRecordSection` and
`render_preview(section_events) -> str` are what the rest of the engine uses.
"""

from bridge.mapping.care_record.asked import SectionAsked

__all__ = ["SectionAsked"]
