"""The sentences of the specification that carry meaning, in today's and in older words.

Real pages put them into table cells and leave out the classes, so they are known by their text alone
(Access Record HTML digest §4). A sentence counts only when it is the whole of its paragraph or row: a
clinician may quote it.
"""

import re
from typing import Final

from bridge.mapping.care_record.marks import STRUCK_OUT
from bridge.record.care_record import Absence, BannerKind

MEANING_OF_CLASS: Final[dict[str, BannerKind]] = {
    "gptransfer-banner": "transfer",
    "content-banner": "content",
    "date-banner": "date",
    "exclusion-banner": "exclusion",
}

_QUOTED = r"""['"\u2018\u201c]?.{1,200}?['"\u2019\u201d]?"""
_MAY_EXIST = r"(?:\s*This data may still exist in the source system\.?)?"
_SENTENCES_OF_ABSENCE: Final[tuple[tuple[Absence, str], ...]] = (
    ("access_denied", rf"Access is denied to {_QUOTED} data for this patient"),
    ("retrieval_not_supported", rf"This system does not support retrieval of {_QUOTED} data"),
    ("not_stored", rf"{_QUOTED} data is not supported by this system"),
    ("nothing_recorded", rf"No {_QUOTED} data (?:is )?recorded for this patient"),
)
_SENTENCES_OF_BANNERS: Final[tuple[tuple[BannerKind, str], ...]] = (
    ("exclusion", r"Items excluded due to confidentiality and/or patient preferences"),
    ("exclusion", r"Sensitive data has been excluded"),
    ("transfer", r"Patient record transfer from previous GP practice not yet complete.{0,200}"),
    ("date", r"For the period\b.{1,60}"),
    ("date", r"(?:All )?data items (?:from|until)\b.{1,60}"),
    ("date", r"All (?:relevant|data) items"),
    ("date", r"Date filter not applied"),
    ("content", r"Scheduled End Date is not always captured in the source;.{0,400}"),
    ("content", r"The Review Date is that set for each Repeat Course\..{0,400}"),
    ("content", r"All repeat medication ended by a clinician action"),
)
_ABSENCES: Final = tuple(
    (absence, re.compile(sentence + r"\.?" + _MAY_EXIST, re.IGNORECASE))
    for absence, sentence in _SENTENCES_OF_ABSENCE
)
_BANNERS: Final = tuple(
    (kind, re.compile(sentence + r"\.?", re.IGNORECASE)) for kind, sentence in _SENTENCES_OF_BANNERS
)
_MAY_STILL_EXIST: Final = re.compile(r"This data may still exist in the source system\.?", re.IGNORECASE)
_LONGEST_SENTENCE: Final = 700

CAUTION: Final = tuple(absence for absence, _ in _ABSENCES)
"""The absences, from what says least about the patient to what says most: of several the first counts."""


def absence_in(text: str) -> Absence | None:
    """What `text` says in place of data, when that is all it says."""
    line = _one_line(text)
    if line is None:
        return None
    return next((absence for absence, sentence in _ABSENCES if sentence.fullmatch(line)), None)


def banner_in(text: str) -> BannerKind | None:
    """The kind of banner whose words these are."""
    line = _one_line(text)
    if line is None:
        return None
    return next((kind for kind, sentence in _BANNERS if sentence.fullmatch(line)), None)


def belongs_to_absence(text: str) -> bool:
    """Whether `text` is the second sentence of a statement of absence, on its own."""
    return _MAY_STILL_EXIST.fullmatch(text.strip()) is not None


def _one_line(text: str) -> str | None:
    """The text on one line; None where it is no sentence of those: too long, or struck out in part."""
    if len(text) > _LONGEST_SENTENCE or STRUCK_OUT in text:
        return None
    return " ".join(text.split())
