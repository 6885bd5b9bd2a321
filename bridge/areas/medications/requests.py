"""MedicationRequest to plan and issue (digest §3.10)."""

from collections.abc import Sequence
from typing import Final

from bridge.areas.medications.dosages import supply
from bridge.areas.medications.model import (
    MedicationIssue,
    MedicationPlan,
    MedicationStatus,
    PrescriptionType,
    Repeat,
)
from bridge.fhir import systems
from bridge.fhir.read import NOTHING, Item, JsonObject, code_in, extension_value, first_code, is_old
from bridge.mapping.coded import DEGRADED_MEDICATION, coded_text, contested, placeholder
from bridge.mapping.modifiers import note_modifiers
from bridge.mapping.provenance import item_id, provenance
from bridge.mapping.reading import Reading
from bridge.mapping.set_aside import note_set_aside
from bridge.mapping.values import notes, period
from bridge.record.common import CodedText, Party, Stop

NO_INFORMATION: Final = "No information available"
_KNOWN_EXTENSIONS = frozenset({"medicationrepeatinformation", "medicationstatusreason", "prescriptiontype"})
_STATUSES: dict[str, MedicationStatus] = {
    "active": "active",
    "completed": "completed",
    "stopped": "stopped",
}
_SET_ASIDE = frozenset({"reasonCode", "reasonReference", "substitution", "detectedIssue"})
_TYPES: dict[str, PrescriptionType] = {
    "acute": "acute",
    "acute-handwritten": "acute_handwritten",
    "repeat": "repeat",
    "repeat-dispensing": "repeat_dispensing",
    "delayed-prescribing": "delayed",
}


_KnownDrug = tuple[CodedText, list[tuple[str, str | None]]]


class Medications:
    """The drugs and devices of a bundle; each Medication is read once."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._known: dict[str, _KnownDrug] = {}

    def of(self, item: Item) -> CodedText:
        """What a statement or request is for: by reference as profiled, or coded in place (OD-16)."""
        try:
            known = self._known[item.resource["medicationReference"]["reference"]]
        except (TypeError, KeyError):  # not met yet, or no reference as it should be
            return self._first(item)
        return _told(item, known)

    def _first(self, item: Item) -> CodedText:
        sent = item.one(item.resource.get("medicationReference"), "medicationReference")
        target = item.reference(sent, "medicationReference")
        if target is None:
            return _in_place(item, sent)
        if target.startswith("#"):
            return self._contained(item, target)
        known = self._known.get(target) or self._read(target)
        if known is None:
            item.note("dangling_reference", "medicationReference")
            return placeholder(item.text(sent.get("display"), "medicationReference"))
        return _told(item, known)

    def _read(self, target: str) -> _KnownDrug | None:
        """What the Medications of one reference are called, and what was noted of it; None without any."""
        found = self._reading.index.variants(target, "Medication")
        if not found:
            return None
        inner = Item(found[0].resource, found[0].ref)
        named = _named(inner, [each.resource for each in found])
        for each in found:
            note_modifiers(self._reading, inner, each.resource)
        self._known[target] = named, list(dict.fromkeys(inner.notes))
        self._reading.growth.share(named)
        return self._known[target]

    def _contained(self, item: Item, target: str) -> CodedText:
        sent = item.many(item.resource.get("contained"), "contained")
        if found := [each for each in sent if each.get("id") == target[1:]]:
            return _named(item, found)
        item.note("dangling_reference", "medicationReference")
        return placeholder()


def _told(item: Item, known: _KnownDrug) -> CodedText:
    """A drug that is known, and what was noted of it told of whoever refers to it too."""
    concept, noted = known
    if noted:
        item.notes += noted
    return concept


def _in_place(item: Item, sent: JsonObject) -> CodedText:
    """What is coded in place, or named by the words of a reference to nothing."""
    concept = item.resource.get("medicationCodeableConcept")
    display = item.text(sent.get("display"), "medicationReference")
    if concept is None and display is not None:
        item.note("text_only", "medicationReference")
        return placeholder(display)
    return coded_text(item, concept, "medication", degrade_to=DEGRADED_MEDICATION)


def _named(item: Item, medications: Sequence[JsonObject]) -> CodedText:
    """What the Medications of one id name; where they differ, no drug is stated as a fact."""
    if len(medications) == 1:
        return coded_text(item, medications[0].get("code"), "medication", degrade_to=DEGRADED_MEDICATION)
    named = [
        coded_text(item, each.get("code"), "medication", degrade_to=DEGRADED_MEDICATION)
        for each in medications
    ]
    if any(each != medications[0] for each in medications):
        item.note("duplicate_id", "medicationReference")
    if all(each == named[0] for each in named):
        return named[0]
    item.note("medication_conflict", "medicationReference")
    return contested(named)


def same_medication(one: CodedText, other: CodedText) -> bool:
    """Whether two concepts name the same drug or device: by code, without codes by words."""
    if one is other:
        return True
    if "concept_id" in one and "concept_id" in other and one["coding_quality"] == "coded":
        return one["concept_id"] == other["concept_id"]
    return not _names(one).isdisjoint(_names(other))


def _names(concept: CodedText) -> set[str]:
    """Every name of a drug, without regard to case and blanks."""
    names = [concept["term"], concept.get("preferred_term", "")]
    for coding in concept["codings"]:
        names += [coding.get("display", ""), coding.get("description_term", "")]
    return {" ".join(name.casefold().split()) for name in names} - {""}


def status(item: Item) -> tuple[MedicationStatus, str | None]:
    """The state; any but the three of GP Connect is `unknown` and given as sent (§3.6)."""
    sent = item.code(item.resource.get("status"), "status")
    if sent in _STATUSES:
        return _STATUSES[sent], None
    item.note("unknown_status", "status")
    return "unknown", sent


def read_plan(
    reading: Reading, medications: Medications, item: Item, *, issues_included: bool
) -> tuple[MedicationPlan, CodedText]:
    """A plan without its issues, and its medication."""
    resource = item.resource
    extensions = item.extensions(resource)
    dispense = item.one(resource.get("dispenseRequest"), "dispenseRequest")
    kind, kind_text = item.once(_prescription_type, extensions.get("prescriptiontype"), "extension")
    state, source_status = status(item)
    medication = medications.of(item)
    origin = provenance(
        reading,
        item,
        recorder=reading.parties.party(item, resource.get("recorder"), "recorder"),
        author=_requester(reading, item),
        encounter=item.reference(resource["context"], "context") if "context" in resource else None,
    )
    plan: MedicationPlan = {
        "item_id": item_id(item, origin["business_ids"]),
        "status": state,
        "provenance": origin,
        "prescription_type": kind,
        "notes": notes(item, resource["note"]) if "note" in resource else [],
        "issues_included": issues_included,
        "issues": [],
        "issue_codes": [],
        "inherited": [],
    }
    if source_status is not None:
        plan["source_status"] = source_status
    if kind_text is not None:
        plan["prescription_type_text"] = kind_text
    start, end = period(item, dispense.get("validityPeriod"), "dispenseRequest.validityPeriod")
    if start is not None:
        plan["valid_from"] = start
    if end is not None:
        plan["valid_to"] = end
    if (repeat := _repeat(item, extensions)) is not None:
        plan["repeat"] = repeat
    if (stop := _stop(item, extensions)) is not None:
        plan["stopped"] = stop
    if "priorPrescription" in resource:
        prior = item.reference(resource["priorPrescription"], "priorPrescription")
        if prior is not None:
            plan["prior_plan_id"] = prior  # the reference, until every plan has its id
    _add_supply(item, plan, dispense)
    if not _KNOWN_EXTENSIONS.issuperset(extensions):
        item.note("unknown_extension", "extension")
    note_modifiers(reading, item)
    plan["issue_codes"] = item.codes()
    note_set_aside(item, resource, _SET_ASIDE)
    return plan, medication


def read_issue(reading: Reading, medications: Medications, item: Item) -> tuple[MedicationIssue, CodedText]:
    """An issue, and its medication."""
    resource = item.resource
    dispense = item.one(resource.get("dispenseRequest"), "dispenseRequest")
    state, source_status = status(item)
    medication = medications.of(item)
    origin = provenance(
        reading,
        item,
        recorder=reading.parties.party(item, resource.get("recorder"), "recorder"),
        author=_requester(reading, item),
        encounter=item.reference(resource["context"], "context") if "context" in resource else None,
    )
    issue: MedicationIssue = {
        "item_id": item_id(item, origin["business_ids"]),
        "status": state,
        "provenance": origin,
        "notes": notes(item, resource["note"]) if "note" in resource else [],
        "issue_codes": [],
        "inherited": [],
    }
    if source_status is not None:
        issue["source_status"] = source_status
    # authoredOn repeats the plan's; the validity period is when it was issued (§3.7).
    start, end = period(item, dispense.get("validityPeriod"), "dispenseRequest.validityPeriod")
    if start is not None:
        issue["issue_date"] = start
    if end is not None:
        issue["supply_ends"] = end
    _add_supply(item, issue, dispense)
    _add_eps(item, issue)
    if "performer" in dispense:
        dispenser = reading.parties.party(item, dispense["performer"], "dispenseRequest.performer")
        if dispenser is not None:
            issue["dispenser"] = dispenser
    if "extension" in resource:
        item.once(_note_unknown, resource["extension"], "extension")
    note_modifiers(reading, item)
    issue["issue_codes"] = item.codes()
    note_set_aside(item, resource, _SET_ASIDE)
    return issue, medication


def _add_supply(item: Item, request: MedicationPlan | MedicationIssue, dispense: JsonObject) -> None:
    if (authored := item.date(item.resource.get("authoredOn"), "authoredOn")) is not None:
        request["authored_at"] = authored
    known = supply(item, dispense)
    if "quantity" in known:
        request["quantity"] = known["quantity"]
    if "supply_duration" in known:
        request["supply_duration"] = known["supply_duration"]
    if "dosage" in known:
        request["dosage"] = known["dosage"].copy()  # it may inherit what its parent says


def _note_unknown(item: Item, sent: object, path: str) -> None:
    if not _KNOWN_EXTENSIONS.issuperset(item.extensions({"extension": sent})):
        item.note("unknown_extension", path)


def _requester(reading: Reading, item: Item) -> Party | None:
    if "requester" not in item.resource:
        return None
    sent = item.one(item.resource["requester"], "requester")
    agent = reading.parties.party(item, sent.get("agent"), "requester.agent")
    if "onBehalfOf" not in sent:
        return agent
    return reading.parties.on_behalf_of(item, agent, sent["onBehalfOf"], "requester.onBehalfOf")


def _prescription_type(
    item: Item, extensions: list[JsonObject] | None, path: str
) -> tuple[PrescriptionType, str | None]:
    """The type; where it is not known, also what to show for it (CS-076, OD-12)."""
    concept = NOTHING
    for extension in extensions or ():
        concept = item.one(extension_value(extension), path)
    known = _TYPES.get(code_in(concept, systems.PRESCRIPTION_TYPE) or "")
    if known is not None:
        return known, None
    item.note("unknown_prescription_type", path)
    return "unknown", item.text(concept.get("text"), path) or first_code(concept) or NO_INFORMATION


def _repeat(item: Item, extensions: dict[str, list[JsonObject]]) -> Repeat | None:
    """Counts are sent as unsignedInt or positiveInt (OD-09); any number is taken."""
    repeat: Repeat = {}
    for extension in extensions.get("medicationrepeatinformation", ()):
        for name, parts in item.extensions(extension).items():
            value, path = extension_value(parts[0]), "extension.repeatInformation"
            if name == "numberofrepeatprescriptionsallowed":
                if (allowed := item.whole_number(value, path)) is not None:
                    repeat["issues_authorised"] = allowed
            elif name == "numberofrepeatprescriptionsissued":
                if (issued := item.whole_number(value, path)) is not None:
                    repeat["issues_made"] = issued
            elif name == "authorisationexpirydate" and (expiry := item.date(value, path)) is not None:
                repeat["authorisation_expires"] = expiry
    return repeat or None


def _stop(item: Item, extensions: dict[str, list[JsonObject]]) -> Stop | None:
    """When and why it was stopped.

    Pages and profile name the parts differently (OD-04); the day may be a text that is no date (OD-05).
    """
    for extension in extensions.get("medicationstatusreason", ()):
        inner = item.extensions(extension)
        stop: Stop = {}
        for part in (*inner.get("statuschangedate", ()), *inner.get("date", ())):
            if (day := item.date(extension_value(part), "extension.statusChangeDate")) is not None:
                stop["on"] = day
        for part in (*inner.get("statusreason", ()), *inner.get("reason", ())):
            stop["reason"] = coded_text(item, extension_value(part), "extension.statusReason")
        return stop
    return None


def _add_eps(item: Item, issue: MedicationIssue) -> None:
    if "groupIdentifier" in item.resource:
        group = item.one(item.resource["groupIdentifier"], "groupIdentifier")
        if (value := item.code(group.get("value"), "groupIdentifier.value")) is not None:
            issue["eps_prescription_id"] = value
    for identifier in issue["provenance"]["business_ids"]:
        if identifier.get("system") in systems.EPS_LINE_ITEM and not is_old(identifier):
            issue["eps_item_id"] = identifier["value"]
