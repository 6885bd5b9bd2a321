"""MedicationStatement to a course, without its plan (digest §3.4). `taken` has no meaning (CS-075)."""

from bridge.areas.medications.course_state import UNDECIDED
from bridge.areas.medications.dosages import changed_dosage, dosages
from bridge.areas.medications.model import MedicationCourse, PrescribedBy
from bridge.areas.medications.requests import Medications, status
from bridge.fhir import systems
from bridge.fhir.read import NOTHING, Item, JsonObject, code_in, extension_value, first_code
from bridge.mapping.modifiers import note_modifiers
from bridge.mapping.provenance import item_id, provenance
from bridge.mapping.reading import Reading
from bridge.mapping.set_aside import note_set_aside
from bridge.mapping.values import notes, period
from bridge.record.common import PartialDate

_SET_ASIDE = frozenset({"reasonNotTaken", "reasonCode", "reasonReference"})
_KNOWN_EXTENSIONS = frozenset(
    {
        "medicationstatementlastissuedate",
        "prescribingagency",
        "medicationdosagelastchanged",
        "medicationstatementdosagelastchanged",
        "medicationchangesummary",  # not in use, and not to be consumed (CS-037)
    }
)
_AGENCIES: dict[str, PrescribedBy] = {
    "prescribed-at-gp-practice": "this_practice",
    "prescribed-by-previous-practice": "previous_practice",
    "prescribed-by-another-organisation": "other_organisation",
}


def read_statement(reading: Reading, medications: Medications, item: Item) -> MedicationCourse:
    """One statement."""
    resource = item.resource
    extensions = item.extensions(resource)
    prescribed_by, prescribed_by_text = item.once(_agency, extensions.get("prescribingagency"), "extension")
    state, source_status = status(item)
    origin = provenance(
        reading,
        item,
        author=reading.parties.party(item, resource.get("informationSource"), "informationSource"),
        encounter=item.reference(resource["context"], "context") if "context" in resource else None,
    )
    course: MedicationCourse = {
        "item_id": item_id(item, origin["business_ids"]),
        "medication": medications.of(item),
        "status": state,
        "provenance": origin,
        "prescribed_by": prescribed_by,
        "dosage": item.once(dosages, resource["dosage"], "dosage") if "dosage" in resource else [],
        "notes": notes(item, resource["note"]) if "note" in resource else [],
        "issue_codes": [],
        "course_state": UNDECIDED,
        "usable_for_decision_support": False,
    }
    if source_status is not None:
        course["source_status"] = source_status
    if prescribed_by_text is not None:
        course["prescribed_by_text"] = prescribed_by_text
    _add_dates(item, course, extensions)
    if not _KNOWN_EXTENSIONS.issuperset(extensions):
        item.note("unknown_extension", "extension")
    note_modifiers(reading, item)
    course["issue_codes"] = item.codes()
    note_set_aside(item, resource, _SET_ASIDE)
    return course


def _agency(item: Item, extensions: list[JsonObject] | None, path: str) -> tuple[PrescribedBy, str | None]:
    """Who prescribed, and the setting in words: dental, hospital, bought over the counter."""
    concept = NOTHING
    for extension in extensions or ():
        concept = item.one(extension_value(extension), path)
    code, text = code_in(concept, systems.PRESCRIBING_AGENCY), item.text(concept.get("text"), path)
    known = _AGENCIES.get(code or "")
    if known is None:
        item.note("unknown_agency", path)
        return "unknown", text or code or first_code(concept)
    return known, text


def _add_dates(item: Item, course: MedicationCourse, extensions: dict[str, list[JsonObject]]) -> None:
    resource = item.resource
    start, end = period(item, resource.get("effectivePeriod"), "effectivePeriod")
    start = start or item.date(resource.get("effectiveDateTime"), "effectiveDateTime")
    if start is not None:
        course["effective_from"] = start
    if end is not None:
        course["effective_to"] = end
    if (asserted := item.date(resource.get("dateAsserted"), "dateAsserted")) is not None:
        course["asserted_at"] = asserted
    for extension in extensions.get("medicationstatementlastissuedate", ()):
        if (issued := item.date(extension_value(extension), "extension.lastIssueDate")) is not None:
            course["last_issued"] = issued
    if (changed := _dosage_changed(item, course, extensions)) is not None:
        course["dosage_changed_on"] = changed


def _dosage_changed(
    item: Item, course: MedicationCourse, extensions: dict[str, list[JsonObject]]
) -> PartialDate | None:
    """CS-080: the warning in the words, or the extension of 1.2.x."""
    changed, day = changed_dosage(course["dosage"])
    dates = [
        item.date(extension_value(extension), "extension.dosageLastChanged")
        for name in ("medicationdosagelastchanged", "medicationstatementdosagelastchanged")
        for extension in extensions.get(name, ())
    ]
    if changed or dates:
        item.note("dosage_changed", "dosage")
    return {"value": day, "precision": "day"} if day is not None else next(filter(None, dates), None)
