"""Statements that there is no known allergy, and to what: by code and words that agree.

Codes: 716186003 and its descendants, which the value sets CareConnect-AllergyCode-1 (HL7 UK, 1.1.0) and
UKCore-AllergyCode (2.2.0) admit as `<<716186003`. They are listed with their fully specified names of the
SNOMED CT International Edition in the value sets be-noallergy 1.0.0 (Belgian eHealth platform) and CH Allergy
Intolerance Conditions (HL7 Switzerland). 160244002 and 716184000 are no longer active; records keep them.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from bridge.areas.allergies.model import AllergyKind
from bridge.fhir import systems
from bridge.fhir.snomed import is_concept_id
from bridge.mapping.coded import is_degraded
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
_NEGATION: Final = re.compile(r"(?<![a-z])n\.?(?:o|k|i\.?l)", re.IGNORECASE)
"""Every statement has a word that begins with "no", "nil" or "nk", at times with full stops between."""
_ABBREVIATED: Final = re.compile(r"^nk[a-z]{1,2}s?(?: ,)? (?=no |nil )|(?<=[a-z])(?: ,)? nk[a-z]{1,2}$")
"""In front of the words that it stands for, or behind them: "NKA - No known allergy"."""
_ALLERGY: Final = r"(?:allerg(?:y|ies)|sensitivit(?:y|ies)|intolerances?|adverse reactions?)"
_ALLERGIES: Final = rf"{_ALLERGY}(?: (?:or|and) {_ALLERGY})*"
_WORD: Final = r"(?!allerg|sensitiv|intoleran|react|rash|anaphyla)[a-z]+"
"""A word of a kind: a second sentence about allergies is none."""
_STATEMENT: Final = re.compile(
    r"(?:(?:patient|pt) )?(?:has )?(?:no|nil)(?P<known> known)?(?: history of)?"
    rf"(?: (?P<kind>{_WORD}(?: {_WORD}){{0,4}}))?? {_ALLERGIES}(?: to (?P<to>{_WORD}(?: {_WORD}){{0,4}}))?"
    r"(?P<after> known)?"
)
_REVERSED: Final = re.compile(rf"(?:(?P<kind>[a-z]+) )?{_ALLERGIES}(?: ,)? (?:none|nil|no)(?P<known> known)?")
_NOT_A_KIND: Final = re.compile(
    r"\b(?:but|except|excepting|excluding|other|than|apart|aside|besides|unless|however|new|further|more|"
    r"additional|recent|severe|serious|significant|current|active|only|not|recorded|which|that|with)\b"
)
"""Words that make "no known … allergy" say something else: an exception, or only that nothing was added."""
_ASIDE: Final = (
    r"(?:(?: ,)? (?:known|recorded|reported|stated|documented|noted|confirmed|checked|reviewed|discussed|at|"
    r"as|of|on|by|with|from|per|to|date|present|today|the|patient|pt|parent|carer|gp|doctor|nurse|pharmacist|"
    r"notes|review|registration))*"
)
"""What may be added without naming an allergy: "No known allergies, confirmed by GP"."""
_WITH_ASIDE: Final = re.compile(
    rf"((?:no|nil) known (?:{_WORD} ){{0,4}}?{_ALLERGIES}|nk[a-z]{{1,2}}){_ASIDE}"
)
_BESIDE: Final = re.compile(
    r"(?:(?:patient|pt) )?(?:has )?(?:no|nil)(?: (?:known|recorded|reported|documented|current|active))*"
    rf"(?: {_WORD}){{0,4}}? {_ALLERGIES}{_ASIDE}"
    rf"|(?:no|nil|none)(?: known(?: {_WORD}){{0,2}})?"
)
"""Words that are no statement by themselves, such as "No allergies recorded", and agree with one."""
_EXCEPTION: Final = re.compile(
    r"\b(?:but|except|excepting|excluding|other|than|apart|aside|besides|unless|however|new|further|more|"
    r"additional|severe|serious|significant|only|not|which|that)\b"
)
_HEADING: Final = re.compile(
    r"^(?:h/o|allerg(?:y|ies)):? +(?=nk[a-z]|(?:no|nil) known )|\((?:situation|finding)\)"
)
_BREAK: Final = re.compile(r"[.,;:!|()\[\]{}=<>\n\r\u2013\u2014]+|(?<!\w)-+|-+(?!\w)")
_NUMBER: Final = re.compile(r"\d[\d/.:-]*")
_DOTTED: Final = re.compile(r"(?<=\b[a-z])\.(?=[a-z]\b)")
_LONGEST: Final = 120


class Said(NamedTuple):
    """What a concept says of there being no known allergy.

    Attributes:
        scope: to what no allergy is known; None when it says no such thing, or not without contradiction.
        in_conflict: one of its codes or words says so, and another says something else.
    """

    scope: Scope | None
    in_conflict: bool = False


def no_known(substance: CodedText, named: Iterable[str] = ()) -> Said:
    """To what a concept says that no allergy is known.

    All its codes and words count, but those of transfer-degraded and null codes, which mean nothing. Where
    they disagree the concept is an allergy: a code is none that is not listed here, whatever its words.

    Args:
        substance: the concept.
        named: names of the allergy that stand elsewhere in its resource.
    """
    codes: list[Scope | None] = []
    texts = [substance["original_text"]] if "original_text" in substance else []
    for coding in substance["codings"]:
        if coding.get("system") == systems.NULL_FLAVOR or is_degraded(coding):
            continue
        if coding.get("system") == systems.SNOMED and is_concept_id(coding.get("code", "")):
            codes.append(_CODES.get(coding["code"]))
        texts += [coding[key] for key in ("display", "description_term") if key in coding]
    texts += named
    said = [_said(text) for text in texts]
    scopes = [scope for scope in codes if scope is not None]
    if not scopes and all(each is None for each in said):
        return Said(None)
    if None in codes or any(
        each is None and not _may_stand_beside(text) for each, text in zip(said, texts, strict=True)
    ):
        return Said(None, in_conflict=True)
    return Said(_narrowed(_kinds(scopes), _kinds(said)))


def is_no_known_code(substance: CodedText) -> bool:
    """Whether the code of a concept is one of no known allergy."""
    return substance.get("concept_id") in _CODES


def _kinds(scopes: Iterable[Scope | None]) -> set[AllergyKind]:
    return {kind for scope in scopes if scope for kind in scope}


def _narrowed(coded: set[AllergyKind], worded: set[AllergyKind]) -> Scope:
    """The kinds that code and words both state; a general one of them only narrows nothing."""
    if coded and worded:
        return tuple(sorted(coded & worded)) or ("other",)
    return tuple(sorted(coded | worded))


def _plain(words: str) -> str | None:
    """Words in small letters, commas between their parts; None when they are in doubt or cannot be read."""
    if len(words) > _LONGEST or "?" in words or any(each.isalpha() and not each.isascii() for each in words):
        return None
    plain = _HEADING.sub(" ", _NUMBER.sub(" ", words.strip().lower()))
    plain = _DOTTED.sub("", plain)
    plain = _BREAK.sub(" , ", re.sub(r"[/&+]", " and ", plain))
    plain = " ".join(re.sub(r"[^a-z,]+", " ", plain).split())
    plain = re.sub(r"(?: ?, ?)+", " , ", plain).strip(" ,")
    return re.sub(r" (?:to date|so far|at present|currently)$", "", plain)


def _may_stand_beside(words: str) -> bool:
    """Whether words name no allergy, beside a code or other words that say that none is known."""
    plain = _plain(words)
    return plain is not None and not _EXCEPTION.search(plain) and _BESIDE.fullmatch(plain) is not None


def _said(words: str) -> Scope | None:
    """What a whole text says: one that says anything besides is not understood, and so no such statement."""
    if not _NEGATION.search(words):
        return None  # the name of an allergy, as nearly all are
    plain = _plain(words)
    if plain is None:
        return None
    if (aside := _WITH_ASIDE.fullmatch(plain)) is not None:
        plain = aside[1]
    if plain in _SHORT:
        return _SHORT[plain]
    plain = _ABBREVIATED.sub("", plain)
    found = _STATEMENT.fullmatch(plain) or _REVERSED.fullmatch(plain)
    if found is None:
        return None
    scope = _scope(found.groupdict())
    # "No known intolerances" is no synonym of "no known allergy", nor is any other word for them.
    return scope if scope is None or "allerg" in plain else ("other",)


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
