"""Every field of the published events stands on the page, or is named here as one that a reader does not need.

An event with every optional field is made from the contract itself, with words in each that occur once.
"""

from collections.abc import Iterator
from itertools import count
from types import UnionType
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin

import pytest
from typing_extensions import get_type_hints, is_typeddict

from bridge.areas.allergies.events import AllergiesPublished
from bridge.areas.consultations.events import ConsultationsPublished
from bridge.areas.diary_entries.events import DiaryEntriesPublished
from bridge.areas.documents.events import DocumentsPublished
from bridge.areas.events import RecordCompleted
from bridge.areas.immunisations.events import ImmunisationsPublished
from bridge.areas.investigations.events import InvestigationsPublished
from bridge.areas.medications.events import MedicationsPublished
from bridge.areas.observations.events import ObservationsPublished
from bridge.areas.problems.events import ProblemsPublished
from bridge.areas.record_page import Events, render
from bridge.areas.referrals.events import ReferralsPublished
from bridge.record import PartialDate
from tests.support.record_pages import seen

AREA_EVENTS: dict[Any, str] = {
    ConsultationsPublished: "consultations.published.v1",
    ImmunisationsPublished: "immunisations.published.v1",
    ProblemsPublished: "problems.published.v1",
    ObservationsPublished: "observations.published.v1",
    InvestigationsPublished: "investigations.published.v1",
    ReferralsPublished: "referrals.published.v1",
    DiaryEntriesPublished: "diary_entries.published.v1",
    DocumentsPublished: "documents.published.v1",
}
KINDS = [AllergiesPublished, MedicationsPublished, *AREA_EVENTS, RecordCompleted]
FOR_MACHINES = {
    "AllergiesPublished.content_hash", "AllergiesPublished.patient_key", "AllergiesPublished.source_hash",
    "Allergy.item_id", "CodedText.concept_id", "CodedText.degrade_code", "CodedText.description_id",
    "CodedText.original_text", "Coding.code", "Coding.description_id", "Coding.description_term",
    "Coding.display", "Coding.system", "BusinessId.system", "BusinessId.use", "BusinessId.value",
    "Consultation.item_id", "ConsultationsPublished.content_hash", "ConsultationsPublished.patient_key",
    "ConsultationsPublished.source_hash",
    "DiaryEntriesPublished.content_hash", "DiaryEntriesPublished.patient_key", "DiaryEntriesPublished.source_hash",
    "DiaryEntry.item_id", "Document.item_id", "DocumentsPublished.content_hash", "DocumentsPublished.patient_key",
    "DocumentsPublished.source_hash", "Immunisation.item_id", "ImmunisationsPublished.content_hash",
    "ImmunisationsPublished.patient_key", "ImmunisationsPublished.source_hash",
    "FilingComment.item_id", "FilingComment.source_ref", "InvestigationReport.item_id",
    "InvestigationRequest.source_ref", "InvestigationsPublished.content_hash",
    "InvestigationsPublished.patient_key", "InvestigationsPublished.source_hash",
    "Issue.code", "Link.item_id", "Narrative.source_ref",
    "Observation.item_id", "ObservationsPublished.content_hash", "ObservationsPublished.patient_key",
    "ObservationsPublished.source_hash", "QuantityValue.code", "QuantityValue.code_system", "QuantityValue.value",
    "QuestionnaireAnswer.source_ref", "ReportGroup.item_id", "Specimen.source_ref",
    "MedicationCourse.item_id", "MedicationIssue.item_id", "MedicationPlan.item_id",
    "MedicationsPublished.content_hash", "MedicationsPublished.patient_key", "MedicationsPublished.source_hash",
    "Party.professional_ids", "Party.ref", "Part.content_hash", "Part.event_id", "Provenance.content_hash",
    "Problem.item_id", "ProblemsPublished.content_hash", "ProblemsPublished.patient_key", "ProblemsPublished.source_hash",
    "Provenance.encounter_ref", "Provenance.holder_ods", "Provenance.list_codes",
    "Referral.item_id", "ReferralsPublished.content_hash", "ReferralsPublished.patient_key",
    "ReferralsPublished.source_hash",
    "RecordCompleted.patient_key", "RecordCompleted.source_hash", "Quantity.unit_code", "Quantity.unit_system",
    "Quantity.value",
    "AreaCompared.area", "AreaCompared.base_snapshot_id",
    "RenderingOutcome.detail", "RenderingOutcome.event_id", "RenderingOutcome.rendering", "RenderingOutcome.topic",
}  # fmt: skip
"""What became of the further forms; ids, hashes, codes behind words that are shown, and numbers that are shown as they were sent."""
ELSEWHERE = {
    "Dosage.absent_reason", "Part.items", "RecordCompleted.counts", "LinkedProblem.source_ref",
    "Provenance.problem_refs", "Link.reference", "Link.source_ref", "FilingComment.comment",
    "Narrative.status",
}  # fmt: skip
"""Shown only where there are no words; where the part is missing; as names with numbers; by the problem's term;
where a link has no words; of a filing comment `text` stands in its place, and of a status that does not hold
`source_status`."""


class Sample:
    """A value of a type with every field in it, and the words in it by the field that they stand in."""

    def __init__(self, kind: Any) -> None:
        self.words: dict[str, str] = {}
        self._numbers = count(70001)
        self.value: Any = self._of(kind, "")

    def _of(self, kind: Any, place: str) -> Any:
        origin = get_origin(kind)
        if origin in (NotRequired, Annotated):
            return self._of(get_args(kind)[0], place)
        if origin is list:
            return [self._of(get_args(kind)[0], place)]
        if is_typeddict(kind) and kind is not PartialDate:
            hints = get_type_hints(kind, include_extras=True)
            return {name: self._of(hint, f"{kind.__name__}.{name}") for name, hint in hints.items()}
        if origin is UnionType or origin is Union:
            return self._of(get_args(kind)[0], place)
        return get_args(kind)[0] if origin is Literal else self._single(kind, place)

    def _single(self, kind: Any, place: str) -> Any:
        if kind is PartialDate:
            return {"value": self._word(place), "precision": "unparsed"}
        if get_origin(kind) is dict:
            return {"name": self._word(place)}
        if kind in (int, float):
            number = next(self._numbers)
            self.words[str(number)] = place
            return kind(number)
        return True if kind is bool else self._word(place)

    def _word(self, place: str) -> str:
        word = f"word{next(self._numbers)}"
        self.words[word] = place
        return word


def published(kind: Any) -> tuple[Sample, Events]:
    sample = Sample(kind)
    data = sample.value
    data["demographics"]["verdict"] = "review"
    if "linked_problems" in data:
        data["linked_problems"][0]["source_ref"] = data["items"][0]["provenance"]["problem_refs"][0]
    events = Events()
    if kind is AllergiesPublished:
        events.allergies.append(data)
    elif kind in AREA_EVENTS:
        events.areas[AREA_EVENTS[kind]] = [data]
    elif kind is MedicationsPublished:
        events.medications.append(data)
    else:
        events.completed.append(data)
    return sample, events


def missing(sample: Sample, page: str) -> Iterator[str]:
    for word, place in sample.words.items():
        # The NHS number is written in groups.
        groups = f"{word[:3]} {word[3:6]} {word[6:]}"
        if word not in page and groups not in page:
            yield place


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_shown_or_is_for_machines(kind):
    sample, events = published(kind)
    assert sorted(set(missing(sample, seen(render(events)))) - FOR_MACHINES - ELSEWHERE) == []


def test_what_is_said_to_be_for_machines_exists_and_is_not_shown():
    fields, hidden = set(), set()
    for kind in KINDS:
        sample, events = published(kind)
        fields |= set(sample.words.values())
        hidden |= set(missing(sample, seen(render(events))))
    assert hidden - ELSEWHERE == FOR_MACHINES
    assert fields >= ELSEWHERE


def test_problems_are_told_by_their_names_wherever_an_item_names_them():
    sample, events = published(MedicationsPublished)
    data = sample.value
    (course,) = data["items"]
    data["linked_problems"][0]["source_ref"] = "Condition/c1"
    plan = course["plan"]
    for part in (course, plan, plan["issues"][0], course["issue_without_plan"]):
        part["provenance"]["problem_refs"] = ["Condition/c1"]
    term = data["linked_problems"][0]["code"]["term"]
    assert seen(render(events)).count(term) == 4
