"""Diary entries, as one area (digest §5.7)."""

from typing import Final

from bridge.areas.diary_entries.events import (
    DIARY_ENTRIES_PUBLISHED,
    DiaryEntriesChanged,
    DiaryEntriesPublished,
    diary_entries_published,
)
from bridge.areas.diary_entries.mapping import is_plan, map_diary_entries
from bridge.areas.diary_entries.model import DiaryEntry
from bridge.areas.diary_entries.options import DiaryOptions
from bridge.areas.diary_entries.query import PARAMETER, UNTIL, query
from bridge.areas.spec import AreaSpec, ListOfArea

DIARY_ENTRIES: Final[AreaSpec[DiaryOptions, DiaryEntry]] = AreaSpec(
    name="diary_entries",
    parameter=PARAMETER,
    lists=(ListOfArea(name="diary_entries", code="714311000000108", bare_ids="ProcedureRequest"),),
    kinds={"ProcedureRequest": is_plan},
    options=DiaryOptions,
    query=query,
    parts=(UNTIL,),
    fields={UNTIL: "until"},
    read=map_diary_entries,
    named_elsewhere=lambda entry: entry.get("originated_at"),
    brings=frozenset({"documents"}),
    kind=DIARY_ENTRIES_PUBLISHED,
    data=DiaryEntriesPublished,
    changed=DiaryEntriesChanged,
    publish=lambda record, _: diary_entries_published(record),
)
