"""Medications in R4: the course a MedicationStatement, its plan and issues MedicationRequests."""

from collections.abc import Sequence
from typing import Final, cast

from bridge.areas.medications.model import (
    MedicationCourse,
    MedicationIssue,
    MedicationPlan,
    PrescribedBy,
    PrescriptionType,
)
from bridge.fhir.systems import EPS_LINE_ITEM
from bridge.record import CodedText
from bridge.renderings.fhir_r4.common import (
    Resource,
    absent,
    add_extension,
    annotations,
    concept,
    concept_of,
    own,
    put,
    put_date,
    simple_quantity,
)
from bridge.renderings.fhir_r4.dosages import dosage
from bridge.renderings.fhir_r4.items import Told, put_period
from bridge.renderings.fhir_r4.scope import PARTIES, PERSONS, R4Scope
from bridge.renderings.fhir_r4.uk_core import CODES, OWN, UK_CORE, UK_CORE_CODES
from bridge.renderings.rendering import Lost

LOSSES: Final[Sequence[Lost]] = (
    Lost(
        "**.dosage.structured",
        "Parts of a dosage that R4 does not have, or that are not of its types. The words say it all.",
    ),
    Lost(
        "medications.items.plan.repeat.issues_authorised",
        "`numberOfRepeatsAllowed` is one less: R4 counts repeats after the first. An extension has all.",
    ),
    Lost("**.dosage.recorded", "Where no words were sent, `_text` says so."),
    Lost("**.dosage.absent_reason", "Where no words were sent, it stands in `_text`."),
)
_PRESCRIPTION: Final = "https://fhir.nhs.uk/Id/prescription-order-number"
_LAST_ISSUE: Final = f"{UK_CORE}Extension-UKCore-MedicationStatementLastIssueDate"
_REPEAT: Final = {
    "ukcore-current": f"{UK_CORE}Extension-UKCore-MedicationRepeatInformation",
    "pair-2022": "https://fhir.nhs.uk/StructureDefinition/Extension-UKCore-MedicationRepeatInformation",
}
_ISSUED: Final = {
    "ukcore-current": "numberOfPrescriptionsIssued",
    "pair-2022": "numberOfRepeatPrescriptionsIssued",
}
_COURSE: Final = f"{CODES}medicationrequest-course-of-therapy"
_COURSES: Final[dict[PrescriptionType, Resource]] = {
    "acute": concept_of(_COURSE, "acute", "Short course (acute) therapy"),
    "acute_handwritten": {
        **concept_of(_COURSE, "acute", "Short course (acute) therapy"),
        "text": "Acute (handwritten)",
    },
    "repeat": concept_of(_COURSE, "continuous", "Continuous long term therapy"),
    "repeat_dispensing": concept_of(
        f"{UK_CORE_CODES}UKCore-MedicationRequestCourseOfTherapy",
        "continuous-repeating-dispensing",
        "Continuous long term (repeat dispensing)",
    ),
    "delayed": {
        **concept_of(_COURSE, "acute", "Short course (acute) therapy"),
        "text": "Delayed prescribing",
    },
}
_TYPES: Final = "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-PrescriptionType-1"
_TYPES_AS_SENT: Final[dict[PrescriptionType, Resource]] = {
    "acute": concept_of(_TYPES, "acute", "Acute"),
    "acute_handwritten": concept_of(_TYPES, "acute-handwritten", "Acute Handwritten"),
    "repeat": concept_of(_TYPES, "repeat", "Repeat"),
    "repeat_dispensing": concept_of(_TYPES, "repeat-dispensing", "Repeat Dispensing"),
    "delayed": concept_of(_TYPES, "delayed-prescribing", "Delayed prescribing"),
}
_PRESCRIBER: Final = "MedicationPrescribingOrganization"
_PRESCRIBERS: Final[dict[PrescribedBy, tuple[str, str]]] = {
    "this_practice": ("prescribed-at-gp-practice", "Prescribed at GP practice"),
    "previous_practice": ("prescribed-by-previous-practice", "Prescribed by previous practice"),
    "other_organisation": ("prescribed-by-another-organisation", "Prescribed by another organisation"),
}
_WITHOUT_CODE: Final = frozenset({"previous_practice"})
"""What UK Core has no code for any more."""
_PRIMARY_CARE: Final = [
    concept_of(f"{UK_CORE_CODES}UKCore-MedicationRequestCategory", "primarycare", "Primary Care")
]
_NO_SUBSTITUTION: Final = {"allowedCodeableConcept": absent("unknown")}
"""UK Core requires it, and GP Connect says nothing of it."""
_RECORDERS: Final = frozenset({"Practitioner", "PractitionerRole"})


def resources(items: Sequence[Told], scope: R4Scope) -> list[Resource]:
    """Each course, then its plan and the issues of that, the newest first."""
    found: list[Resource] = []
    for item in items:
        course = cast("MedicationCourse", item)
        medication = concept(course["medication"], scope.profile)
        statement = _statement(course, medication, scope)
        found.append(statement)
        based_on = []
        if "plan" in course:
            plan = course["plan"]
            found.append(_plan(plan, course, medication, scope))
            based_on.append(scope.reference(plan["item_id"]))
            for each in plan["issues"]:
                named = plan.get("medication", course["medication"])
                found.append(_issue(each, named, scope, plan))
        if "issue_without_plan" in course:
            issue = course["issue_without_plan"]
            found.append(_issue(issue, course["medication"], scope))
            based_on.append(scope.reference(issue["item_id"]))
        put(statement, basedOn=based_on)
    return found


def _statement(course: MedicationCourse, medication: Resource, scope: R4Scope) -> Resource:
    provenance = course["provenance"]
    found = scope.start("MedicationStatement", course)
    found["status"] = course["status"]
    found["medicationCodeableConcept"] = medication
    found["subject"] = scope.patient
    if "encounter_ref" in provenance:
        found["context"] = scope.reference(provenance["encounter_ref"])
    put_period(found, "effectivePeriod", course.get("effective_from"), course.get("effective_to"))
    put_date(found, "dateAsserted", course.get("asserted_at") or provenance.get("recorded_at"))
    put(
        found,
        informationSource=scope.party(provenance.get("author"), PARTIES),
        reasonReference=[scope.reference(ref) for ref in provenance["problem_refs"]],
        note=annotations(course["notes"]),
        dosage=[dosage(each) for each in course["dosage"]],
    )
    extensions = [
        _prescriber(course, scope),
        _state(course),
        own("usable-for-decision-support", valueBoolean=course["usable_for_decision_support"]),
    ]
    for when, url in (
        (course.get("last_issued"), _LAST_ISSUE),
        (course.get("last_issue_seen"), f"{OWN}last-issue-seen"),
        (course.get("dosage_changed_on"), f"{OWN}dosage-changed"),
    ):
        if when is not None:
            extension: Resource = {"url": url}
            put_date(extension, "valueDateTime", when)
            extensions.append(extension)
    if "source_status" in course:
        extensions.append(own("source-status", valueString=course["source_status"]))
    if (recorder := scope.party(provenance.get("recorder"), PERSONS)) is not None:
        extensions.append(own("recorder", valueReference=recorder))
    found.setdefault("extension", []).extend(extensions)
    return found


def _prescriber(course: MedicationCourse, scope: R4Scope) -> Resource:
    """Who prescribed it; where UK Core has no code for that, in words."""
    said = course["prescribed_by"]
    is_pair = scope.profile == "pair-2022"
    name = _PRESCRIBER if is_pair else f"{_PRESCRIBER}Type"
    value: Resource = {}
    if said in _PRESCRIBERS:
        code, display = _PRESCRIBERS[said]
        if is_pair or said not in _WITHOUT_CODE:
            value = concept_of(f"{UK_CORE_CODES}UKCore-{name}", code, display)
        else:
            value = {"text": display}
    if "prescribed_by_text" in course:
        value = {**value, "text": course["prescribed_by_text"]}
    return {
        "url": f"{UK_CORE}Extension-UKCore-{name}",
        "valueCodeableConcept": value or {**absent("unknown"), "text": "Not known"},
    }


def _state(course: MedicationCourse) -> Resource:
    """Whether the patient is on it, which `status` does not say."""
    state = course["course_state"]
    parts: list[Resource] = [
        {"url": "state", "valueCode": state["state"]},
        {"url": "why", "valueCode": state["why"]},
    ]
    if "until" in state:
        until: Resource = {"url": "until"}
        put_date(until, "valueDateTime", state["until"])
        parts.append(until)
    return own("course-state", extension=parts)


def _request(
    item: MedicationPlan | MedicationIssue, intent: str, medication: CodedText, scope: R4Scope
) -> Resource:
    """What a plan and an issue have in common."""
    provenance = item["provenance"]
    found = scope.start("MedicationRequest", item)
    found["status"] = item["status"]
    found["intent"] = intent
    found["category"] = _PRIMARY_CARE
    found["medicationCodeableConcept"] = concept(medication, scope.profile)
    found["subject"] = scope.patient
    if "encounter_ref" in provenance:
        found["encounter"] = scope.reference(provenance["encounter_ref"])
    put_date(found, "authoredOn", item.get("authored_at") or provenance.get("recorded_at"))
    put(
        found,
        requester=scope.party(provenance.get("author"), PARTIES),
        recorder=scope.party(provenance.get("recorder"), _RECORDERS),
        reasonReference=[scope.reference(ref) for ref in provenance["problem_refs"]],
        note=annotations(item["notes"]),
    )
    if "dosage" in item:
        found["dosageInstruction"] = [dosage(item["dosage"])]
    dispense: Resource = {}
    if "quantity" in item:
        dispense["quantity"] = simple_quantity(item["quantity"])
    if "supply_duration" in item:
        dispense["expectedSupplyDuration"] = simple_quantity(item["supply_duration"])
    found["dispenseRequest"] = dispense
    found["substitution"] = _NO_SUBSTITUTION
    extensions = [own("inherited", valueCode=name.replace("_", "-")) for name in item["inherited"]]
    if "source_status" in item:
        extensions.append(own("source-status", valueString=item["source_status"]))
    if extensions:
        found.setdefault("extension", []).extend(extensions)
    return found


def _plan(plan: MedicationPlan, course: MedicationCourse, medication: Resource, scope: R4Scope) -> Resource:
    named = plan.get("medication")
    found = _request(plan, "plan", course["medication"] if named is None else named, scope)
    if named is None:
        found["medicationCodeableConcept"] = medication
    kind = _course_of_therapy(plan, scope)
    if kind:
        found["courseOfTherapyType"] = kind
    dispense = found["dispenseRequest"]
    put_period(dispense, "validityPeriod", plan.get("valid_from"), plan.get("valid_to"))
    if "prior_plan_id" in plan:
        found["priorPrescription"] = scope.reference(plan["prior_plan_id"])
    if "repeat" in plan:
        _put_repeat(found, plan, scope)
    if "stopped" in plan:
        if "reason" in plan["stopped"]:
            found["statusReason"] = concept(plan["stopped"]["reason"], scope.profile)
        if "on" in plan["stopped"]:
            changed: Resource = own("status-changed")
            put_date(changed, "valueDateTime", plan["stopped"]["on"])
            add_extension(found, changed)
    add_extension(found, own("issues-included", valueBoolean=plan["issues_included"]))
    _leave_out_empty(found)
    return found


def _course_of_therapy(plan: MedicationPlan, scope: R4Scope) -> Resource:
    """The type of prescription; of an unknown one the words alone."""
    table = _TYPES_AS_SENT if scope.profile == "pair-2022" else _COURSES
    known = table.get(plan["prescription_type"])
    if "prescription_type_text" not in plan:
        return known or {}
    return {**(known or {}), "text": plan["prescription_type_text"]}


def _put_repeat(found: Resource, plan: MedicationPlan, scope: R4Scope) -> None:
    """How often it may be issued, and has been.

    GP Connect counts all issues, R4 the repeats after the first: so one less is allowed there. The total is
    kept in an extension. The published pairs copy it as it is.
    """
    repeat = plan["repeat"]
    parts: list[Resource] = []
    if "issues_made" in repeat:
        parts.append({"url": _ISSUED[scope.profile], "valueUnsignedInt": repeat["issues_made"]})
    if "authorisation_expires" in repeat:
        expires: Resource = {"url": "authorisationExpiryDate"}
        put_date(expires, "valueDateTime", repeat["authorisation_expires"])
        parts.append(expires)
    if parts:
        add_extension(found, {"url": _REPEAT[scope.profile], "extension": parts})
    total = repeat.get("issues_authorised")
    if total is None:
        return
    add_extension(found, own("issues-authorised", valueInteger=total))
    allowed = total if scope.profile == "pair-2022" else total - 1
    if allowed >= 0:
        found["dispenseRequest"]["numberOfRepeatsAllowed"] = allowed


def _issue(
    issue: MedicationIssue,
    named: CodedText,
    scope: R4Scope,
    plan: MedicationPlan | None = None,
) -> Resource:
    found = _request(issue, "order", issue.get("medication", named), scope)
    if plan is not None:
        found["basedOn"] = [scope.reference(plan["item_id"])]
    dispense = found["dispenseRequest"]
    put_period(dispense, "validityPeriod", issue.get("issue_date"), issue.get("supply_ends"))
    put(dispense, performer=scope.party(issue.get("dispenser"), {"Organization"}))
    if "eps_prescription_id" in issue:
        found["groupIdentifier"] = {"system": _PRESCRIPTION, "value": issue["eps_prescription_id"]}
    line = issue.get("eps_item_id")
    if line is not None and all(each["value"] != line for each in found["identifier"]):
        found["identifier"].append({"system": EPS_LINE_ITEM[0], "value": line})
    _leave_out_empty(found)
    return found


def _leave_out_empty(found: Resource) -> None:
    if not found["dispenseRequest"]:
        del found["dispenseRequest"]
