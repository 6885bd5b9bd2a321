"""Which blood pressure a code stands for, in a reading of two or alone (CS-100, digest §5.4.3)."""

from types import MappingProxyType
from typing import Final

from bridge.record.common import CodedText
from bridge.record.observations import BloodPressure

_CODES: Final[dict[BloodPressure, tuple[str, ...]]] = {
    "panel": ("163020007", "386534000", "75367002", "163034007", "163035008", "163033001"),
    # 163030003 and 163031004 stand in the specification's samples.
    "systolic": ("72313002", "271649006", "400974009", "407554009", "407556006", "163030003"),
    "diastolic": ("1091811000000102", "271650006", "400975005", "407555005", "407557002", "163031004"),
}
_BY_CODE: Final = MappingProxyType({code: which for which, codes in _CODES.items() for code in codes})


def blood_pressure(code: CodedText) -> BloodPressure | None:
    """Which one a concept stands for; None for anything else."""
    return _BY_CODE.get(code.get("concept_id", ""))
