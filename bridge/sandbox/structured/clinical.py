"""Entries of all areas but medications and allergies, as a conformant provider sends them (§5).

Each function adds one entry to the record of a builder. What a scenario does differently it changes in the
resource it is given back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.sandbox.documents.shelf import binary_id
from bridge.sandbox.structured.builder import Builder
from bridge.sandbox.structured.elements import CODES, coded, to
from bridge.sandbox.structured.entries import HeldEntry
from bridge.sandbox.structured.record import Course

Json = dict[str, Any]

DOCUMENTS_ROOT: Final = "{documents root}"
"""Stands for the root of the documents server of the practice until the answer goes out."""
NOTE_CODE: Final = coded("37331000000100", "Comment note")
REPORT_CODE: Final = coded("721981007", "Diagnostic studies report")
_HL7_UK: Final = "https://fhir.hl7.org.uk/STU3/"
_LISTS: Final = {
    "consultation": ("325851000000107", "Consultation"),
    "topic": ("25851000000105", "Topic"),
    "heading": ("24781000000107", "Category"),
}


def uk_extension(name: str, **value: Any) -> Json:
    """A CareConnect extension by its short name."""
    return {"url": f"{_HL7_UK}StructureDefinition/Extension-CareConnect-{name}-1", **value}


def problem(
    b: Builder,
    code: Json,
    *,
    actual: HeldEntry | None = None,
    linked: Sequence[HeldEntry] = (),
    status: str = "active",
    significance: str | None = "major",
    onset: str | None = "2019-05-02",
    ended: str | None = None,
) -> HeldEntry:
    """A problem header that promotes `actual` and groups `linked`."""
    extensions = []
    if actual is not None:
        extensions.append(uk_extension("ActualProblem", valueReference=to(actual.resource)))
    extensions += [
        uk_extension("RelatedClinicalContent", valueReference=to(each.resource)) for each in linked
    ]
    if significance is not None:
        extensions.append(uk_extension("ProblemSignificance", valueCode=significance))
    header = b.clinical("Condition", profile="CareConnect-GPC-ProblemHeader-Condition-1") | {
        "extension": extensions,
        "clinicalStatus": status,
        "category": [
            coded(
                "problem-list-item",
                "Problem List Item",
                system=_HL7_UK + "CodeSystem/CareConnect-ConditionCategory-1",
            )
        ],
        "code": code,
        "subject": to(b.patient),
        **({"onsetDateTime": onset} if onset else {}),
        **({"abatementDateTime": ended} if ended else {}),
        "assertedDate": "2019-05-02",
        "asserter": to(b.gp),
    }
    every = [*([actual] if actual is not None else []), *linked]
    return _held(b, HeldEntry("includeProblems", header, linked=every))


def relate(one: HeldEntry, relation: str, other: HeldEntry) -> None:
    """Say of a problem what another is to it: parent, child or sibling."""
    parts = [{"url": "type", "valueCode": relation}, {"url": "target", "valueReference": to(other.resource)}]
    one.resource["extension"].append(uk_extension("RelatedProblemHeader", extension=parts))
    one.linked.append(other)


@dataclass(frozen=True, slots=True)
class ContentPart:
    """A topic or a heading of a consultation.

    Attributes:
        title: None leaves it out.
        content: entries, words that were written, or a placeholder (a dict with ``display``).
        headings: of a topic; then it has no content of its own in a conformant provider's answer.
        problems: that a topic is about.
    """

    title: str | None
    content: Sequence[HeldEntry | str | Json] = ()
    headings: Sequence["ContentPart"] = ()
    problems: Sequence[HeldEntry] = ()


def consultation(
    b: Builder,
    *topics: ContentPart,
    on: str = "2024-03-05T09:30:00+00:00",
    kind: Json | None = None,
    draft: bool = False,
) -> HeldEntry:
    """An Encounter, and the lists that hold its content together."""
    encounter = b.clinical("Encounter") | {
        "status": "unknown" if draft else "finished",
        "type": [kind or {"text": "GP Surgery"}],
        "subject": to(b.patient),
        "participant": [
            {
                "type": [coded("REC", "recorder", system=CODES + "GPConnect-ParticipantType-1")],
                "individual": to(b.gp),
            },
            {
                "type": [
                    coded("PPRF", "primary performer", system="http://hl7.org/fhir/v3/ParticipationType")
                ],
                "individual": to(b.gp),
            },
        ],
        "period": {"start": on},
        "length": {"value": 10, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"},
        "serviceProvider": to(b.practice),
    }
    structure = _Structure(b, encounter)
    structure.add("consultation", "GP Surgery", [to(structure.topic(topic)) for topic in topics])
    entry = HeldEntry("includeConsultations", encounter, structure.made, structure.linked, on, on)
    return _held(b, entry)


@dataclass(slots=True)
class _Structure:
    """The lists of one consultation, and what they name."""

    b: Builder
    encounter: Json
    made: list[Json] = field(default_factory=list)
    linked: list[HeldEntry] = field(default_factory=list)

    def topic(self, topic: ContentPart) -> Json:
        items = [to(self.add("heading", each.title, self._items(each))) for each in topic.headings]
        made = self.add("topic", topic.title, items + self._items(topic))
        if topic.problems:
            made["extension"] = [
                uk_extension("RelatedProblemHeader", valueReference=to(each.resource))
                for each in topic.problems
            ]
            self.linked += topic.problems
        return made

    def _items(self, part: ContentPart) -> list[Json]:
        items = []
        for each in part.content:
            if isinstance(each, HeldEntry):
                self.linked.append(each)
                items.append(to(each.resource))
            elif isinstance(each, str):
                written = words(self.b, each, context=self.encounter)
                self.made.append(written)
                items.append(to(written))
            else:
                items.append(each)
        return items

    def add(self, kind: str, title: str | None, items: Sequence[Json]) -> Json:
        code, display = _LISTS[kind]
        made = self.b.clinical("List") | {
            "status": "current",
            "mode": "snapshot",
            **({"title": title} if title else {}),
            "code": coded(code, display),
            "subject": to(self.b.patient),
            "encounter": to(self.encounter),
            "date": "2024-03-05T09:45:00+00:00",
            "orderedBy": coded("system", "Sorted by System", system="http://hl7.org/fhir/list-order"),
            "entry": [{"item": item} for item in items],
        }
        # Structure lists have no identifier (§5.2).
        del made["identifier"]
        self.made.append(made)
        return made


def words(b: Builder, text: str, *, context: Json | None = None) -> Json:
    """What was written in words: an Observation that no list of an area names (§5.4.4)."""
    return _observation(b, NOTE_CODE) | {"comment": text, **({"context": to(context)} if context else {})}


def observation(b: Builder, code: Json, *, on: str | None = "2024-03-05", **elements: Any) -> HeldEntry:
    """An entry of uncategorised data."""
    made = _observation(b, code) | {**({"effectiveDateTime": on} if on else {}), **elements}
    return _held(b, HeldEntry("includeUncategorisedData", made, start=on, end=on))


def _observation(b: Builder, code: Json) -> Json:
    return b.clinical("Observation") | {
        "status": "final",
        "code": code,
        "subject": to(b.patient),
        "issued": "2024-03-05T09:40:00+00:00",
        "performer": [to(b.gp)],
    }


def blood_pressure(b: Builder, systolic: int | None, diastolic: int | None, **more: Any) -> HeldEntry:
    """Both values in one Observation; a half that is missing stands there with the reason (§5.4.3)."""
    return observation(
        b,
        coded("163020007", "O/E - blood pressure reading"),
        component=[
            _pressure(coded("72313002", "Systolic arterial pressure"), systolic),
            _pressure(coded("1091811000000102", "Diastolic arterial pressure"), diastolic),
        ],
        **more,
    )


def _pressure(code: Json, value: int | None) -> Json:
    if value is None:
        system = "http://hl7.org/fhir/data-absent-reason"
        return {"code": code, "dataAbsentReason": coded("unknown", "Unknown", system=system)}
    return {"code": code, "valueQuantity": quantity(value, "mm[Hg]")}


def quantity(value: float, unit: str | None = None, comparator: str | None = None) -> Json:
    """A Quantity in UCUM units, or without any."""
    return {
        "value": value,
        **({"comparator": comparator} if comparator else {}),
        **({"unit": unit, "system": "http://unitsofmeasure.org", "code": unit} if unit else {}),
    }


def immunisation(
    b: Builder,
    procedure: Json,
    *,
    given: bool = True,
    on: str | None = "2024-10-08",
    vaccine: Json | None = None,
    **elements: Any,
) -> HeldEntry:
    """A vaccination that was given, or was intended and was not (§5.3)."""
    unknown = coded("UNK", "unknown", system="http://hl7.org/fhir/v3/NullFlavor")
    made = b.clinical("Immunization") | {
        "extension": [
            uk_extension("DateRecorded", valueDateTime="2024-10-08T11:02:00+00:00"),
            uk_extension("VaccinationProcedure", valueCodeableConcept=procedure),
        ],
        # So it is even where nothing was given (OD-47).
        "status": "completed",
        "notGiven": not given,
        "vaccineCode": vaccine or unknown,
        "patient": to(b.patient),
        **({"date": on} if on else {}),
        "primarySource": True,
        "practitioner": [{"actor": to(b.gp)}],
        **elements,
    }
    return _held(b, HeldEntry("includeImmunisations", made, start=on, end=on))


def immunisation_status(b: Builder, code: Json, *, on: str = "2021-01-12") -> HeldEntry:
    """Consent, dissent, an invitation: an Observation in the list of immunisations."""
    made = _observation(b, code) | {"effectiveDateTime": on}
    return _held(b, HeldEntry("includeImmunisations", made, start=on, end=on))


@dataclass(frozen=True, slots=True)
class ReportedResult:
    """One result of a report.

    Attributes:
        elements: of the Observation, besides what each has.
        members: the results of a group.
        filing: what the practice wrote when it filed it.
    """

    code: Json
    elements: Json = field(default_factory=dict)
    members: Sequence["ReportedResult"] = ()
    filing: Sequence[str] = ()


def report(
    b: Builder,
    *results: ReportedResult,
    issued: str = "2024-02-20T15:53:00+00:00",
    status: str = "final",
    comments: Sequence[str] = (),
    specimen: str | None = "Venous blood",
    request: str | None = None,
) -> HeldEntry:
    """A report of a laboratory: results in groups or alone, what was sampled and asked, what was said."""
    parts: list[Json] = []
    made = b.clinical("DiagnosticReport") | {
        "status": status,
        "code": REPORT_CODE,
        "subject": to(b.patient),
        "issued": issued,
        "performer": [{"actor": to(b.practice)}],
    }
    if specimen is not None:
        sample = b.clinical("Specimen") | {
            "status": "available",
            "type": {"text": specimen},
            "subject": to(b.patient),
            "collection": {"collectedDateTime": "2024-02-19T08:15:00+00:00"},
            "note": [{"text": "Sample received late"}],
        }
        parts.append(sample)
        made["specimen"] = [to(sample)]
    if request is not None:
        asked = b.clinical("ProcedureRequest") | {
            "status": "active",
            "intent": "order",
            "code": {"text": request},
            "subject": to(b.patient),
            "requester": {"agent": to(b.gp)},
        }
        parts.append(asked)
        made["basedOn"] = [to(asked)]
    named = [_result(b, each, issued, parts, None) for each in results]
    named += [_filing(b, text, parts, None) for text in comments]
    made["result"] = [to(each) for each in named]
    return _held(b, HeldEntry("includeInvestigations", made, parts, start=issued, end=issued))


def _result(b: Builder, result: ReportedResult, issued: str, parts: list[Json], group: Json | None) -> Json:
    made = _observation(b, result.code) | {"issued": issued, **result.elements}
    parts.append(made)
    related = [{"type": "derived-from", "target": to(group)}] if group is not None else []
    related += [
        {"type": "has-member", "target": to(_result(b, each, issued, parts, made))} for each in result.members
    ]
    if related:
        made["related"] = related
    for text in result.filing:
        _filing(b, text, parts, made)
    return made


def _filing(b: Builder, text: str, parts: list[Json], about: Json | None) -> Json:
    made = _observation(b, NOTE_CODE) | {
        "status": "unknown",
        "effectiveDateTime": "2024-02-21T12:00:00+00:00",
        "comment": text,
    }
    if about is not None:
        made["related"] = [{"type": "derived-from", "target": to(about)}]
    parts.append(made)
    return made


def referral(
    b: Builder,
    reason: Json,
    *,
    on: str | None = "2024-03-05",
    documents: Sequence[HeldEntry] = (),
    **elements: Any,
) -> HeldEntry:
    """An outbound referral."""
    made = b.clinical("ReferralRequest") | {
        "status": "unknown",
        "intent": "order",
        "subject": to(b.patient),
        **({"authoredOn": on} if on else {}),
        "requester": {"agent": to(b.gp)},
        "reasonCode": [reason],
        **({"supportingInfo": [to(each.resource) for each in documents]} if documents else {}),
        **elements,
    }
    letters = [each.resource for each in documents]
    return _held(b, HeldEntry("includeReferrals", made, letters, start=on, end=on))


def diary_entry(b: Builder, code: Json, *, due: str | None = "2031-04-01", **elements: Any) -> HeldEntry:
    """Something that is planned and not complete."""
    made = b.clinical("ProcedureRequest") | {
        "status": "active",
        "intent": "plan",
        "code": code,
        "subject": to(b.patient),
        **({"occurrenceDateTime": due} if due else {}),
        "authoredOn": "2024-03-05T09:45:00+00:00",
        "requester": {"agent": to(b.gp)},
        **elements,
    }
    return _held(b, HeldEntry("includeDiaryEntries", made, start=due, end=due))


def document(
    b: Builder, name: str, description: str, *, size: int = 20_480, unavailable: str | None = None
) -> HeldEntry:
    """What is said about a document (§5.8).

    Args:
        b: whose record it goes into.
        name: of the document on the patient's shelf, where it can be fetched.
        description: its title.
        size: in bytes.
        unavailable: why it cannot be had; then it has no address.
    """
    attachment: Json = {"contentType": "application/pdf", "size": size}
    if unavailable is None:
        attachment["url"] = f"{DOCUMENTS_ROOT}/Binary/{binary_id(b.practice_ods, b.nhs_number, name)}"
    else:
        attachment["title"] = unavailable
    made = b.clinical("DocumentReference") | {
        "status": "current",
        "type": coded("823651000000106", "Clinical letter"),
        "subject": to(b.patient),
        "created": "2024-03-05T10:00:00+00:00",
        "indexed": "2024-03-05T10:05:00+00:00",
        "author": [to(b.practice)],
        "custodian": to(b.practice),
        "description": description,
        "content": [{"attachment": attachment}],
    }
    return _held(b, HeldEntry("DocumentReferences", made))


def course(found: Course) -> HeldEntry:
    """A medication as other areas name it: by its plan (§2.4)."""
    return HeldEntry("includeMedication", found.plan, [found.statement, found.product, *found.issues])


def allergy(found: Json) -> HeldEntry:
    """An allergy as other areas name it; an ended one stands in its list alone (CS-085)."""
    return HeldEntry("includeAllergies", found)


def _held(b: Builder, entry: HeldEntry) -> HeldEntry:
    b.record.entries.append(entry)
    return entry
