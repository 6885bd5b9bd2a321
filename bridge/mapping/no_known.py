"""Statements that there is no known allergy, and to what: by code, or by words where there is no code.

Codes: 716186003 and its descendants, which the value sets CareConnect-AllergyCode-1 (HL7 UK, 1.1.0) and
UKCore-AllergyCode (2.2.0) admit as `<<716186003`. They are listed with their fully specified names of the
SNOMED CT International Edition in the value sets be-noallergy 1.0.0 (Belgian eHealth platform) and CH Allergy
Intolerance Conditions (HL7 Switzerland). 160244002 and 716184000 are no longer active; records keep them.
"""

import re
from typing import Final

from bridge.record.allergies import AllergyKind
from bridge.record.common import CodedText

Scope = tuple[AllergyKind, ...]
"""To what no allergy is known; empty for no known allergy at all."""

_CODES: Final[dict[str, Scope]] = {
    "716186003": (),  # No known allergy
    "160244002": (),  # No known allergies; inactive, replaced by 716186003
    "409137002": ("drug",),  # No known drug allergy
    "429625007": ("food",),  # No known food allergy
    "428607008": ("environmental",),  # No known environmental allergy
    "428197003": ("insect",),  # No known insect allergy
    "716220001": ("animal",),  # No known animal allergy
    "1003774007": ("latex",),  # No known Hevea brasiliensis latex allergy
    "716184000": ("latex",),  # No known latex allergy; inactive
}
_KINDS: Final[dict[str, AllergyKind]] = {
    **dict.fromkeys(
        (
            "drug",
            "drugs",
            "medication",
            "medications",
            "medicine",
            "medicines",
            "medicinal",
            "medicinal product",
        ),
        "drug",
    ),
    **dict.fromkeys(("food", "foods", "foodstuff"), "food"),
    **dict.fromkeys(("environmental", "environment"), "environmental"),
    **dict.fromkeys(("insect", "insects", "insect sting", "insect bite"), "insect"),
    **dict.fromkeys(("animal", "animals"), "animal"),
    **dict.fromkeys(("latex", "rubber latex", "hevea brasiliensis latex"), "latex"),
}
_SHORT: Final[dict[str, Scope]] = {
    "nka": (),
    "nkas": (),
    "nkda": ("drug",),
    "nkdas": ("drug",),
    "nkma": ("drug",),
    "nkfa": ("food",),
    "nil known": (),
    "none known": (),
}
_ABBREVIATED: Final = re.compile(r"^nk[a-z]{1,2}s? (?=no |nil )|(?<=[a-z]) nk[a-z]{1,2}$")
"""In front of the words that it stands for, or behind them: "NKA - No known allergy"."""
_ALLERGY: Final = r"(?:allerg(?:y|ies)|sensitivit(?:y|ies)|intolerances?|adverse reactions?)"
_ALLERGIES: Final = rf"{_ALLERGY}(?: (?:or|and) {_ALLERGY})*"
_STATEMENT: Final = re.compile(
    r"(?:(?:patient|pt) )?(?:has )?(?:no|nil)(?P<known> known)?(?: history of)?"
    rf"(?: (?P<kind>[a-z]+(?: [a-z]+){{0,4}}))?? {_ALLERGIES}(?: to (?P<to>[a-z]+(?: [a-z]+){{0,4}}))?"
    r"(?P<after> known)?"
)
_REVERSED: Final = re.compile(rf"(?:(?P<kind>[a-z]+) )?{_ALLERGIES} (?:none|nil|no)(?P<known> known)?")
_NOT_A_KIND: Final = re.compile(
    r"\b(?:but|except|excepting|excluding|other|than|apart|aside|besides|unless|however|new|further|more|"
    r"additional|recent|severe|serious|significant|current|active|only|not|recorded|which|that|with)\b"
)
"""Words that make "no known … allergy" say something else: an exception, or only that nothing was added."""
_LONGEST: Final = 120


def no_known(substance: CodedText) -> Scope | None:
    """To what a concept says that no allergy is known; None when it says no such thing.

    A code decides; the words of the GP only narrow what it says. Words count where there is no code with a
    meaning, or where they are those of the code itself.
    """
    if substance["coding_quality"] != "coded":
        return _by_words(substance)
    text = substance.get("original_text")
    if substance["concept_id"] in _CODES:
        return _CODES[substance["concept_id"]] or (_said(text) if text else None) or ()
    # A concept that is not listed here, of an extension for example: its own name tells.
    return _said(substance.get("preferred_term", ""))


def _by_words(substance: CodedText) -> Scope | None:
    if substance["term_from"] in ("text", "note"):
        return _said(substance["term"])
    displays = [coding.get("display", "") for coding in substance["codings"]]
    found = (_said(words) for words in (substance["term"], *displays))
    return next((scope for scope in found if scope is not None), None)


def _said(words: str) -> Scope | None:
    """What a whole text says: one that says anything besides is not understood, and so no such statement."""
    if len(words) > _LONGEST:
        return None
    plain = re.sub(r"\((?:situation|finding)\)", " ", words.lower())
    plain = " ".join(re.sub(r"[^a-z]+", " ", plain).split()).removeprefix("h o ")
    if plain in _SHORT:
        return _SHORT[plain]
    plain = _ABBREVIATED.sub("", plain)
    found = _STATEMENT.fullmatch(plain) or _REVERSED.fullmatch(plain)
    if found is None:
        return None
    return _scope(found.groupdict())


def _scope(parts: dict[str, str | None]) -> Scope | None:
    """The kinds that a statement names; one that is not known here only where it is said to be not known."""
    named = [each for each in (parts["kind"], parts.get("to")) if each]
    if not named:
        return ()
    if any(_NOT_A_KIND.search(each) for each in named):
        return None
    kinds = {_KINDS.get(kind) for each in named for kind in re.split(r" (?:or|and) ", each)}
    if None in kinds and not (parts["known"] or parts.get("after")):
        return None
    return tuple(sorted(kind or "other" for kind in kinds))
