"""What the closed lists of the record mean, in words for a reader.

No word for an absence says "none" where the practice did not: see `AllergyStatement` and `AreaOutcome`.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from bridge.areas.allergies.model import AllergyKind, AllergyStatement
from bridge.areas.medications.model import CourseStateName, CourseStateReason, PrescribedBy, PrescriptionType
from bridge.mapping.page import when
from bridge.record import AreaOutcome, CodedText, Match, Party, Quantity, Stop
from bridge.record.common import Audience, CodingQuality
from bridge.record.issue_codes import ISSUES
from bridge.record.retrieval import UnmappedReason

STATEMENTS: Final[Mapping[AllergyStatement, str]] = {
    "active_allergies": "Allergies are recorded: see the items.",
    "no_known_allergies": "No known allergies: somebody stated that no allergy to anything is known.",
    "no_known_allergies_of_kind": (
        "No known allergies of these kinds alone: {kinds}. Nothing is known of others."
    ),
    "nothing_recorded": (
        "Not known: nothing is recorded about active allergies. Nobody stated that there are no allergies."
    ),
    "contradictory": (
        "Contradictory: it is stated that no allergy is known, and allergies are recorded. "
        "Do not rely on the statement."
    ),
    "unavailable": "Not known: this answer does not tell whether there are allergies. There may be.",
}
KINDS: Final[Mapping[AllergyKind, str]] = {
    "drug": "drugs",
    "food": "food",
    "environmental": "environment",
    "latex": "latex",
    "insect": "insects",
    "animal": "animals",
    "other": "another kind",
}
OUTCOMES: Final[Mapping[AreaOutcome, str]] = {
    "items": "Items were sent.",
    "nothing_recorded": (
        "Nothing recorded: the practice holds nothing that matches the question. "
        "Nobody stated that there is none."
    ),
    "only_withheld": "Withheld: there are items, and none was sent. Do not read this as nothing recorded.",
    "not_asked": "Not known: the practice says that nobody asked the patient.",
    "not_started": "Not known: the practice says that it has not begun to record this.",
    "unavailable": "Not known: the practice says that this could not be had.",
    "closed": "Not known: the practice says that it keeps this list no more.",
    "empty_unexplained": "Not known: the practice sent nothing and did not say why.",
    "list_unusable": "Not known: the practice's list does not say what there is.",
    "not_requested": "Not known: this was not asked for. There may be data.",
    "not_supported": "Not known: the practice's system cannot send this. There may be data.",
    "list_absent": "Not known: the practice did not send its list. There may be data.",
    "failed": "Not known: this part of the answer could not be read. There may be data.",
}
AREAS: Final[Mapping[str, str]] = {
    "medications": "Medications",
    "allergies": "Allergies",
    "ended_allergies": "Ended allergies",
    "consultations": "Consultations",
    "problems": "Problems",
    "immunisations": "Immunisations",
    "observations": "Observations",
    "investigations": "Investigations",
    "referrals": "Referrals",
    "diary_entries": "Diary entries",
    "documents": "Documents",
}
CAME_ALONG: Final = (
    "It came along with something else that was asked for: what stands beside it need not be all there is."
)
"""Of an item with `linked_only`."""
COURSE_STATES: Final[Mapping[CourseStateName, str]] = {
    "current": "current",
    "unknown": "not known whether current",
    "planned": "not begun yet",
    "ended": "ended",
}
"""In the order in which they are shown."""
COURSE_REASONS: Final[Mapping[CourseStateReason, str]] = {
    "active": "said to be active, and no end was sent",
    "end_ahead": "its end is not past",
    "end_passed": "its end is past",
    "starts_later": "its start lies ahead",
    "stopped": "stopped on purpose",
    "active_past_end": "said to be active after its end",
    "completed_without_end": "said to be completed, and no end was sent",
    "states_differ": "its parts are in different states",
    "date_unreadable": "a date cannot be read",
    "state_unknown": "its state is not one that GP Connect uses",
}
PRESCRIPTIONS: Final[Mapping[PrescriptionType, str]] = {
    "acute": "acute",
    "acute_handwritten": "acute, written by hand",
    "repeat": "repeat",
    "repeat_dispensing": "repeat dispensing",
    "delayed": "delayed",
    "unknown": "not known",
}
PRESCRIBERS: Final[Mapping[PrescribedBy, str]] = {
    "this_practice": "this practice",
    "previous_practice": "a previous practice",
    "other_organisation": "another organisation",
    "unknown": "not known",
}
QUALITIES: Final[Mapping[CodingQuality, str]] = {
    "coded": "",
    "degraded": "Degraded: the code has no clinical meaning; the words are all there is.",
    "local_code_only": "No SNOMED CT code: the words and a local code are all there is.",
    "text_only": "Text only: no code was sent.",
    "null_flavour": "No meaning was recorded.",
    "empty": "Neither words nor a code were sent.",
}
AUDIENCES: Final[Mapping[Audience, str]] = {
    "patient": "For the patient: ",
    "prescriber": "For the prescriber: ",
    "pharmacy": "For the pharmacy: ",
    "additional": "Additional: ",
    "unspecified": "",
}
MATCHES: Final[Mapping[Match, str]] = {
    "match": "agrees",
    "mismatch": "DIFFERS",
    "absent": "not sent by the practice",
    "not_checked": "not checked",
}
REASONS: Final[Mapping[UnmappedReason, str]] = {
    "malformed": "cannot be read",
    "unknown_type": "of an unknown type",
    "unsupported": "not supported",
    "dangling_reference": "what it refers to was not sent",
    "duplicate_id": "several items have its id",
    "wrong_patient": "about another patient",
}
FORBIDDEN: Final = "NOT to be done, says the practice"
"""Of something planned or asked for with `do_not_perform`."""
NO_PATIENT: Final = "Not to be disclosed to the patient (NOPAT)."


def told(codes: Iterable[str]) -> list[str]:
    """What issue codes mean; one that is not known as it is."""
    return [ISSUES[code][1] if code in ISSUES else f"Warning {code}." for code in codes]


def statement(said: AllergyStatement, kinds: Iterable[AllergyKind]) -> str:
    """The allergy statement; of kinds that are not named it says so."""
    named = ", ".join(KINDS[kind] for kind in kinds) or "kinds that are not named"
    return STATEMENTS[said].format(kinds=named)


def concept(code: CodedText) -> str:
    """The term, and what it was coded as where that reads otherwise."""
    preferred = code.get("preferred_term", code["term"])
    return code["term"] if preferred == code["term"] else f"{code['term']} (coded as: {preferred})"


def quality(code: CodedText) -> list[str]:
    """What its code cannot tell, if anything."""
    said = QUALITIES[code["coding_quality"]]
    return [said] if said else []


def as_sent(words: str | None) -> str:
    """What the practice sent, beside a word of this page that stands for it."""
    return f" (sent as {words})" if words else ""


def amount(quantity: Quantity | None) -> str | None:
    """Number and unit, and words; never a number without its comparator."""
    if quantity is None:
        return None
    number = quantity.get("value_as_sent") or (f"{quantity['value']:.15g}" if "value" in quantity else "")
    unit = quantity.get("unit") or quantity.get("unit_code", "")
    counted = " ".join(part for part in (quantity.get("comparator", ""), number, unit) if part)
    return "; ".join(part for part in (counted, quantity.get("text", "")) if part) or None


def party(who: Party | None) -> str | None:
    """A person or organisation, as far as they were named."""
    if who is None:
        return None
    named = [who.get("name"), who.get("role"), who.get("organisation_name"), who.get("organisation_ods")]
    return ", ".join(part for part in named if part) or who["kind"].replace("_", " ") + " (not named)"


def stop(stopped: Stop | None) -> str | None:
    """When and why something was ended on purpose."""
    if stopped is None:
        return None
    reason = stopped.get("reason")
    day = when(stopped.get("on")) or "day not sent"
    return f"{day}: {concept(reason)}" if reason else f"{day}; no reason was sent"
