"""How diary entries are asked for."""

from typing import Final

from bridge.areas.diary_entries.options import DiaryOptions
from bridge.fhir.parameters import Value

PARAMETER: Final = "includeDiaryEntries"
UNTIL: Final = "diaryEntriesSearchDate"


def query(options: DiaryOptions) -> dict[str, Value]:
    """The parts of the parameter; without a day, every entry there is."""
    return {} if options.until is None else {UNTIL: options.until}
