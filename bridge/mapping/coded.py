"""CodeableConcept to `CodedText` (specification: guidance on CodeableConcept, digest §2.9)."""

import re
from collections.abc import Sequence

from bridge.fhir import systems
from bridge.fhir.read import Item, JsonObject, extension_value
from bridge.fhir.snomed import is_concept_id
from bridge.record.common import CodedText, Coding, CodingQuality, TermFrom

DEGRADED_DRUG_ALLERGY = "196461000000101"
DEGRADED_NON_DRUG_ALLERGY = "196471000000108"
DEGRADED_MEDICATION = "196421000000109"
DEGRADED_PLAN = "196451000000104"
DEGRADED_REFERRAL = "196431000000106"
DEGRADED_RECORD_ENTRY = "196411000000103"
_DEGRADE_CODES = frozenset(
    {
        DEGRADED_DRUG_ALLERGY,
        DEGRADED_NON_DRUG_ALLERGY,
        DEGRADED_MEDICATION,
        DEGRADED_RECORD_ENTRY,
        DEGRADED_PLAN,
        DEGRADED_REFERRAL,
        "196441000000102",  # request
    }
)
CONTESTED = "Not known which"
_SCTID = re.compile(r"[1-9]\d{5,17}", re.ASCII)
_PLACEHOLDER = "No information available"
_ISSUE_OF: dict[CodingQuality, str] = {
    "degraded": "degraded_code",
    "local_code_only": "local_code_only",
    "text_only": "text_only",
    "empty": "no_term",
}


def coded_text(item: Item, concept: object, path: str, *, degrade_to: str | None = None) -> CodedText:
    """A concept with the words the GP saw; never without a term.

    The same concept in the same place gives the same object again, which is never to be changed.

    Args:
        item: takes the issues.
        concept: the CodeableConcept as sent; anything else gives a placeholder.
        path: where it stands.
        degrade_to: for the concept that an item is about, the transfer-degraded code that fits; it is named
            where no SNOMED code was sent (CS-069), and what is wrong with the code is noted.
    """
    return item.once(_read, concept, path, degrade_to)


def concepts(item: Item, sent: object, path: str, *, degrade_to: str | None = None) -> list[CodedText]:
    """Each of some concepts; one alone is a list of one."""
    return [coded_text(item, each, path, degrade_to=degrade_to) for each in item.many(sent, path)]


def _read(item: Item, concept: object, path: str, degrade_to: str | None) -> CodedText:
    found = item.one(concept, path)
    text = item.text(found.get("text"), path)
    codings: list[Coding] = []
    for each in item.many(found.get("coding"), path):
        if coding := _coding(item, each, path):
            codings.append(coding)  # noqa: PERF401 - a frame less for what is read most
    snomed = _snomed(item, codings, path)
    quality = _quality(text, codings, snomed)
    term, term_from = _term(text, codings, snomed)
    result: CodedText = {
        "term": term,
        "term_from": term_from,
        "coding_quality": quality,
        "codings": codings,
    }
    if snomed is not None:
        result["concept_id"] = snomed["code"]
        if "description_id" in snomed:
            result["description_id"] = snomed["description_id"]
        if "display" in snomed:
            result["preferred_term"] = snomed["display"]
    elif degrade_to is not None and quality in ("local_code_only", "text_only"):
        result["degrade_code"] = degrade_to
    if text is not None:
        result["original_text"] = text
    if degrade_to is not None and quality in _ISSUE_OF:
        item.note(_ISSUE_OF[quality], path)
    return result


def is_degraded(coding: Coding) -> bool:
    """Whether a coding is a transfer-degraded one, which has no clinical meaning."""
    return coding.get("system") == systems.SNOMED and coding.get("code") in _DEGRADE_CODES


def placeholder(display: str | None = None) -> CodedText:
    """A concept of which nothing, or only the words of a reference, was sent."""
    if display is not None:
        return {"term": display, "term_from": "reference", "coding_quality": "text_only", "codings": []}
    return {"term": _PLACEHOLDER, "term_from": "placeholder", "coding_quality": "empty", "codings": []}


def contested(named: Sequence[CodedText]) -> CodedText:
    """Concepts of which nobody can tell which one is meant: all of their words, and the code of none."""
    terms = sorted({each["term"] for each in named})
    if len(terms) == 1:
        # One name with different codes: the name is known, what may be looked up is not.
        return {**words(terms[0]), "degrade_code": DEGRADED_MEDICATION}
    return {
        "term": f"{CONTESTED}: {' / '.join(terms)}",
        "term_from": "placeholder",
        "coding_quality": "text_only",
        "codings": [],
        "degrade_code": DEGRADED_MEDICATION,
    }


def words(text: str) -> CodedText:
    """A concept that is sent as text only."""
    return {
        "term": text,
        "term_from": "text",
        "coding_quality": "text_only",
        "codings": [],
        "original_text": text,
    }


def _coding(item: Item, sent: JsonObject, path: str) -> Coding:
    coding: Coding = {}
    if (system := item.code(sent.get("system"), path)) is not None:
        coding["system"] = system
    if (code := item.code(sent.get("code"), path)) is not None:
        coding["code"] = code
    if (display := item.text(sent.get("display"), path)) is not None:
        coding["display"] = display
    if sent.get("userSelected") in (True, "true"):  # CS-070; the specification's samples send the string
        coding["user_selected"] = True
    if "extension" in sent:
        _add_description(item, coding, sent, path)
    return coding


def _add_description(item: Item, coding: Coding, sent: JsonObject, path: str) -> None:
    for extension in item.extensions(sent).get("coding-sctdescid", ()):
        inner = item.extensions(extension)
        for part in inner.get("descriptionid", ()):
            number = item.code(extension_value(part), path)
            if number is not None and _SCTID.fullmatch(number):
                coding["description_id"] = number
        for part in inner.get("descriptiondisplay", ()):
            term = item.text(extension_value(part), path)
            if term is not None:
                coding["description_term"] = term


def _snomed(item: Item, codings: list[Coding], path: str) -> Coding | None:
    """The SNOMED coding, found by system and never by position; the one the user selected first.

    A number that is no concept, such as the id of a description, is kept among the codings and not used.
    """
    chosen: Coding | None = None
    for coding in codings:
        if coding.get("system") != systems.SNOMED or "code" not in coding:
            continue
        if not is_concept_id(coding["code"]):
            item.note("invalid_snomed_code", path)
        elif chosen is None or ("user_selected" in coding and "user_selected" not in chosen):
            chosen = coding
    return chosen


def _quality(text: str | None, codings: list[Coding], snomed: Coding | None) -> CodingQuality:
    if snomed is not None:
        return "degraded" if snomed["code"] in _DEGRADE_CODES else "coded"
    if any(coding.get("system") == systems.NULL_FLAVOR for coding in codings):
        return "null_flavour"
    if any("code" in coding for coding in codings):
        return "local_code_only"
    return "text_only" if text is not None or any("display" in coding for coding in codings) else "empty"


def _term(text: str | None, codings: list[Coding], snomed: Coding | None) -> tuple[str, TermFrom]:
    if text is not None:
        return text, "text"
    first = snomed
    for coding in codings:
        if "user_selected" in coding:
            first = coding
            break
    for coding in codings if first is None else (first, *codings):
        if "description_term" in coding:
            return coding["description_term"], "description"
        if "display" in coding:
            return coding["display"], "display"
    for coding in codings:
        if "code" in coding:
            return coding["code"], "code"
    return _PLACEHOLDER, "placeholder"
