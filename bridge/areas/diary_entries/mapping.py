"""ProcedureRequest with the intent of a plan to `DiaryEntry` (digest §5.7)."""

from typing import Final

from bridge.areas.diary_entries.model import DiaryEntry, Due
from bridge.areas.diary_entries.options import DiaryOptions
from bridge.areas.spec import AreaAnswer
from bridge.fhir.index import ReceivedEntry
from bridge.fhir.read import Item
from bridge.mapping.coded import DEGRADED_PLAN, coded_text, concepts
from bridge.mapping.items import read_items
from bridge.mapping.modifiers import note_modifiers
from bridge.mapping.provenance import item_id, provenance
from bridge.mapping.reading import Reading
from bridge.mapping.set_aside import note_set_aside
from bridge.mapping.values import notes, period
from bridge.record.common import PartialDate
from bridge.record.dates import sort_key

_AREA: Final = "diary_entries"
_SET_ASIDE: Final = frozenset(
    {
        "asNeededBoolean", "asNeededCodeableConcept", "bodySite", "category", "performer", "occurrenceTiming",
        "performerType", "priority", "reasonReference", "relevantHistory", "specimen",
    }
)  # fmt: skip


def is_plan(_: Reading, received: ReceivedEntry) -> bool:
    """A plan is a diary entry, an order the request behind an investigation (digest §5.7)."""
    return received.resource.get("intent") == "plan"


def map_diary_entries(answer: AreaAnswer[DiaryOptions]) -> list[DiaryEntry]:
    """Every diary entry of the bundle; what is due first comes first."""
    found = read_items(answer.reading, "ProcedureRequest", _AREA, _entry, is_plan)
    found.sort(key=lambda each: each["item_id"])
    found.sort(key=lambda each: sort_key(each.get("due", {}).get("from")))
    return found


def _entry(reading: Reading, item: Item) -> DiaryEntry:
    resource = item.resource
    agent = item.one(resource.get("requester"), "requester").get("agent")
    requester = reading.parties.party(item, agent, "requester.agent")
    origin = provenance(
        reading, item, author=requester, encounter=item.reference(resource.get("context"), "context")
    )
    entry: DiaryEntry = {
        "item_id": item_id(item, origin["business_ids"]),
        "meaning": "planned_not_done",
        "code": coded_text(item, resource.get("code"), "code", degrade_to=DEGRADED_PLAN),
        "reasons": concepts(item, resource.get("reasonCode"), "reasonCode"),
        "documents": reading.links.many(item, resource.get("supportingInfo"), "supportingInfo"),
        "notes": notes(item, resource.get("note")),
        "issue_codes": [],
        "provenance": origin,
    }
    if due := _due(item):
        entry["due"] = due
    if (entered := item.date(resource.get("authoredOn"), "authoredOn")) is not None:
        entry["entered_at"] = origin["recorded_at"] = entered
    if (originated := _consultation_date(reading, item) or entered) is not None:
        entry["originated_at"] = originated
    if requester is not None:
        entry["requester"] = requester
    if (consultation := reading.links.one(item, resource.get("context"), "context")) is not None:
        entry["consultation"] = consultation
    if item.flag(resource.get("doNotPerform"), "doNotPerform"):
        # GP Connect does not use it; but "do not" must never read like "do".
        entry["do_not_perform"] = True
        item.note("element_not_in_profile", "doNotPerform")
    status = item.code(resource.get("status"), "status")
    if status != "active":
        item.note("unknown_status", "status")
        if status is not None:
            entry["source_status"] = status
    if item.extensions(resource):
        item.note("unknown_extension", "extension")
    note_modifiers(reading, item)
    note_set_aside(item, resource, _SET_ASIDE)
    entry["issue_codes"] = item.codes()
    return entry


def _due(item: Item) -> Due:
    """When it is planned for; practices send a bare `occurrence` too, which FHIR knows nothing of."""
    resource, due = item.resource, Due()
    bare = resource.get("occurrence")
    is_moment = type(bare) is str
    day = item.date(resource.get("occurrenceDateTime", bare if is_moment else None), "occurrenceDateTime")
    start, end = period(
        item, resource.get("occurrencePeriod", None if is_moment else bare), "occurrencePeriod"
    )
    if (first := day or start) is not None:
        due["from"] = first
    if end is not None:
        due["to"] = end
    return due


def _consultation_date(reading: Reading, item: Item) -> PartialDate | None:
    """The date of its consultation, which goes before that of the entry (CS-110); of several none is it."""
    target = item.reference(item.resource.get("context"), "context")
    found = reading.index.variants(target, "Encounter")
    if len(found) != 1:
        return None
    [encounter] = found
    if encounter.kind != "Encounter" or reading.identity.subject_of(encounter.resource) == "other":
        return None
    consultation = Item(encounter.resource, encounter.ref, reading.dates)
    sent = consultation.one(encounter.resource.get("period"), "period")
    started = consultation.date(sent.get("start"), "period")
    if started is None or started["precision"] in ("unparsed", "placeholder"):
        return None
    reading.context.add(id(encounter.resource))
    return started
