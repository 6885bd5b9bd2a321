"""How each clinical area was answered: the meanings of an empty list, kept apart (digest §2.7)."""

from collections import Counter
from collections.abc import Iterable

from bridge.fhir.index import BundleIndex
from bridge.fhir.read import Item
from bridge.mapping.allergies import CONTAINED_COPY, ENDED_COPY
from bridge.mapping.lists import AreaList, Lists
from bridge.mapping.reading import COPY, Reading
from bridge.record.allergies import Allergy, AllergyKind
from bridge.record.gp_record import AllergyStatement, Area, AreaOutcome
from bridge.record.medications import MedicationCourse

_AREA_OF_PARAMETER = {
    "includeMedication": "medications",
    "includeMedication.includePrescriptionIssues": "issues",
    "includeMedication.medicationSearchFromDate": "search_from",
    "includeAllergies": "allergies",
    "includeAllergies.includeResolvedAllergies": "ended_allergies",
    "includeConsultations": "consultations",
    "includeProblems": "problems",
    "includeImmunisations": "immunisations",
    "includeUncategorisedData": "uncategorised",
    "includeInvestigations": "investigations",
    "includeReferrals": "referrals",
    "includeDiaryEntries": "diary",
    "DocumentReferences": "documents",
}
_AREA_OF_KIND = {
    "MedicationStatement": "medications",
    "MedicationRequest": "medications",
    "AllergyIntolerance": "allergies",
    "Condition": "problems",
    "Encounter": "consultations",
    "Immunization": "immunisations",
    "Observation": "uncategorised",
    "QuestionnaireResponse": "uncategorised",
    "DiagnosticReport": "investigations",
    "Specimen": "investigations",
    "ProcedureRequest": "investigations",
    "ReferralRequest": "referrals",
    "DocumentReference": "documents",
}
_PARTS_OF_MEDICATIONS = ("issues", "search_from")
_COPIES = frozenset({COPY, ENDED_COPY, CONTAINED_COPY})
_DOUBTS = frozenset(
    {
        "status_conflict",
        "modifier_extension",
        "implicit_rules",
        "list_entry_deleted",
        "not_in_list",
        "subject_unresolved",
    }
)
_MORE_THAN_EMPTY: tuple[AreaOutcome, ...] = (
    "only_withheld",
    "unavailable",
    "not_asked",
    "not_started",
    "closed",
    "empty_unexplained",
)
"""What an empty list may mean besides that nothing is recorded; of several lists, the first counts."""
UNKNOWN_PARAMETER = "unknown"


def area_of_kind(kind: str) -> str | None:
    """The clinical area of a type of resource; None for people, lists and other context."""
    return _AREA_OF_KIND.get(kind)


def _received_by_area(index: BundleIndex) -> Counter[str]:
    received: Counter[str] = Counter()
    for kind, found in index.by_kind.items():
        if (area := area_of_kind(kind)) is not None:
            received[area] += len(found)
    # A plan is a diary entry, an order the request behind an investigation (digest §5.7).
    plans = sum(each.resource.get("intent") == "plan" for each in index.resources("ProcedureRequest"))
    received["diary"] += plans
    received["investigations"] -= plans
    return +received


def read_outcomes(reading: Reading) -> dict[str, str]:
    """Areas that the practice says it cannot or will not send, with its words (CS-038 to CS-040).

    Parts of an area are among them as `issues` and `search_from`; a parameter that is not known here as
    `unknown`.
    """
    said: dict[str, set[str]] = {}
    for received in reading.index.resources("OperationOutcome"):
        for area, words in reading.read(received, None, _unsupported) or ():
            said.setdefault(area, set()).add(words)
    notes = {area: " ".join(sorted(words)) for area, words in said.items()}
    if "allergies" in notes:
        notes.setdefault("ended_allergies", notes["allergies"])
    return notes


def _unsupported(item: Item) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for issue in item.many(item.resource.get("issue"), "issue"):
        details = item.one(issue.get("details"), "issue.details")
        text = item.text(details.get("text"), "issue.details.text")
        diagnostics = item.code(issue.get("diagnostics"), "issue.diagnostics")
        words = text or diagnostics or "not supported"
        area = _AREA_OF_PARAMETER.get(diagnostics or "") or _AREA_OF_PARAMETER.get(words.split()[0])
        found.append((area or UNKNOWN_PARAMETER, words))
    return found


def describe_areas(
    reading: Reading,
    lists: Lists,
    unsupported: dict[str, str],
    medications: list[MedicationCourse],
    allergies: list[Allergy],
) -> list[Area]:
    """The three areas of this record, then every other area that the answer touches."""
    asked = reading.asked
    received = _received_by_area(reading.index)
    for each in lists.contained:
        received["ended_allergies" if each.area == "ended_allergies" else "allergies"] += 1
    ended = [allergy for allergy in allergies if allergy["clinical_status"] == "resolved"]
    active = [allergy for allergy in allergies if allergy["clinical_status"] != "resolved"]
    items: dict[str, list[MedicationCourse] | list[Allergy]] = {
        "medications": medications,
        "allergies": active,
        "ended_allergies": ended,
    }
    wanted = {
        "medications": asked.medications,
        "allergies": asked.allergies,
        "ended_allergies": asked.allergies and asked.ended_allergies,
    }
    others = (set(lists.areas) | set(received) | set(unsupported)) - set(items) - set(_PARTS_OF_MEDICATIONS)
    areas = [
        _area(
            reading,
            name,
            lists.areas.get(name),
            unsupported.get(name),
            items.get(name, []),
            wanted=wanted.get(name, False),
        )
        for name in (*items, *sorted(others))
    ]
    for area in areas:
        area["received"] = received[area["area"]]
    _describe_parts(reading, areas[0], unsupported)
    return areas


def _area(
    reading: Reading,
    name: str,
    sent: AreaList | None,
    unsupported: str | None,
    items: list[MedicationCourse] | list[Allergy],
    *,
    wanted: bool,
) -> Area:
    found = sent or AreaList()
    # A copy that was set aside stands in the record as what it is a copy of.
    copies = {entry["source_ref"] for entry in reading.unmapped if entry["detail"] in _COPIES}
    copies -= reading.mapped_refs
    missing = found.targets - reading.mapped_refs - copies
    has_items = bool(items) or len(missing) < len(found.targets)
    outcome = _outcome(sent, unsupported, wanted=wanted, has_items=has_items)
    if wanted:
        if outcome == "list_absent":
            reading.report("list_absent", path=name)
        for target in missing - found.deleted - {entry["source_ref"] for entry in reading.unmapped}:
            reading.report("list_entry_missing", target, name)
    area: Area = {
        "area": name,
        "outcome": outcome,
        "complete": (
            outcome in ("items", "nothing_recorded")
            and found.whole
            and not missing
            and found.listed - len(found.targets & copies) <= len(items)
            and all("not_in_list" not in item["issue_codes"] for item in items)
            and all(entry.get("area") != name or entry["detail"] in _COPIES for entry in reading.unmapped)
        ),
        "listed": found.listed,
        "mapped": len(items),
        "received": 0,
        "warnings": [found.warnings[code] for code in sorted(found.warnings)],
        "placeholders": sorted(found.placeholders),
    }
    if found.empty_reason is not None:
        area["empty_reason"] = found.empty_reason
    note = " ".join(filter(None, [unsupported, *sorted(found.notes)]))
    if note:
        area["note"] = note
    return area


def _outcome(sent: AreaList | None, unsupported: str | None, *, wanted: bool, has_items: bool) -> AreaOutcome:
    """The order of the questions matters: an empty list proves nothing when the area is switched off."""
    if unsupported is not None:
        return "not_supported"
    if not wanted:
        return "not_requested"
    if sent is None:
        return "list_absent"
    return "items" if has_items else _outcome_of_nothing(sent)


def _outcome_of_nothing(sent: AreaList) -> AreaOutcome:
    """Why a list gave no item."""
    if sent.unusable or (sent.deleted and sent.listed == len(sent.deleted)):
        return "list_unusable"
    if sent.listed:
        only_named = len(sent.placeholders) == sent.listed
        return "not_supported" if only_named else "failed"
    # CS-092: withheld, or nothing that matched; never "none".
    if "confidential-items" in sent.warnings:
        return "only_withheld"
    return next((reason for reason in _MORE_THAN_EMPTY if reason in sent.empty), "nothing_recorded")


def _describe_parts(reading: Reading, medications: Area, unsupported: dict[str, str]) -> None:
    if (
        reading.asked.medications
        and reading.asked.search_from is not None
        and "search_from" not in unsupported
    ):
        medications["search_from"] = reading.asked.search_from.isoformat()  # CS-079
    elif reading.asked.search_from is not None and "search_from" in unsupported:
        # More was sent than asked for, so the area may be complete; a reader that filters has to know.
        medications["warnings"].append({"code": "search-date-ignored", "text": unsupported["search_from"]})
        reading.report("search_date_ignored", path="medications")
    said: Iterable[str] = (unsupported[part] for part in _PARTS_OF_MEDICATIONS if part in unsupported)
    note = " ".join([*filter(None, [medications.get("note")]), *said])
    if note:
        medications["note"] = note


def allergy_statement(allergies: list[Allergy], area: Area) -> tuple[AllergyStatement, list[AllergyKind]]:
    """What the record says about allergies, worked out once for everybody (CS-092), and of which kinds.

    An allergy whose state is unknown counts as active; a statement that none is known counts only where
    nothing about it is in doubt, and where the list is the whole of it: what is withheld, in transit, not
    readable or not filed may be an allergy (CS-044).
    """
    if area["outcome"] not in ("items", "nothing_recorded"):
        return "unavailable", []
    current = [allergy for allergy in allergies if allergy["clinical_status"] != "resolved"]
    said = [allergy for allergy in current if allergy["statement"] == "no_known_allergy"]
    propensities = [allergy for allergy in current if allergy["statement"] == "propensity"]
    if propensities:
        contradicted = any(_contradict(none, allergy) for none in said for allergy in propensities)
        return ("contradictory" if contradicted else "active_allergies"), []
    if area["mapped"] < area["listed"] or any(map(_is_doubtful, said)) or (said and not area["complete"]):
        return "unavailable", []
    if not said:
        return "nothing_recorded", []
    if any("no_known_kinds" not in none for none in said):
        return "no_known_allergies", []
    return "no_known_allergies_of_kind", sorted({kind for none in said for kind in none["no_known_kinds"]})


def _is_doubtful(none: Allergy) -> bool:
    return none["clinical_status"] != "active" or not _DOUBTS.isdisjoint(none["issue_codes"])


def _contradict(none: Allergy, allergy: Allergy) -> bool:
    """Whether an allergy is one of which none is said to be known.

    The categories of GP Connect tell drugs from everything else, and no more than that.
    """
    kinds = none.get("no_known_kinds")
    category = allergy["category"]
    return (
        kinds is None
        or ("drug" in kinds and category == "medication")
        or ("environmental" in kinds and category == "environment")
    )
