"""Every value of the events is told in HL7 v2, or named among what is lost, with the reason."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any, Final

import pytest

from bridge.renderings.hl7v2 import HL7V2, allergies, allergy_updates, immunisations, medications
from bridge.renderings.hl7v2.losses import OF_A_SNAPSHOT
from bridge.renderings.rendering import Lost
from tests.support.leaves import changes, example

CONTENTS: Final[Mapping[str, Any]] = {
    "allergies": allergies.content,
    "medications": medications.content,
    "immunisations": immunisations.content,
}
UPDATES: Final = "allergies as updates"


def updates_and_words(data: Any) -> Any:
    return allergy_updates.updates(data, None), allergy_updates.words(data, None)


LOSSES: Final = HL7V2.losses
TOLD_BY_THE_HEAD: Final = {("nhs_number",), ("retrieved_at",), ("demographics", "verdict")}
"""PID-3; EVN-6 and OBR-7; whether there is a message at all: see the guards."""
STANDS_FOR_ANOTHER: Final = {
    "value_as_sent",
    "unit",
    "source_status",
    "prescribed_by_text",
    "prescription_type_text",
    "name",
    "role",
    "organisation_name",
    "organisation_ods",
}
"""Fields that are told instead of others: without them the others are."""


def editions(area: str, data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same data in the states in which different things are told."""
    data["retrieved_at"] = "2026-11-22T09:00:00Z"
    (item,), (problem,) = data["items"], data["linked_problems"]
    for part in (item, item.get("plan"), item.get("issue_without_plan")):
        if part is not None:
            part["provenance"]["problem_refs"] = [problem["source_ref"]]
    yield data
    whole = deepcopy(data)
    whole["area"]["complete"] = True
    del whole["area"]["search_from"], whole["area"]["limited_to"]
    yield whole
    yield without(STANDS_FOR_ANOTHER, deepcopy(data))
    if area == "allergies":
        none = deepcopy(data)
        none["allergy_statement"] = "no_known_allergies_of_kind"
        none["items"][0]["statement"] = "no_known_allergy"
        yield none
    if area == "medications":
        silent = without({"issues"}, deepcopy(data))
        (course,) = silent["items"]
        for dosage in (*course["dosage"], course["plan"]["dosage"], course["issue_without_plan"]["dosage"]):
            del dosage["text"]
        yield silent
        (issue,) = data["items"][0]["plan"]["issues"]
        del issue["dosage"]["text"]
        yield data


def without(names: set[str], data: Any) -> Any:
    """Data without these fields; a list of that name is empty."""
    if isinstance(data, list):
        return [without(names, each) for each in data]
    if not isinstance(data, dict):
        return data
    kept = {name: without(names, value) for name, value in data.items() if name not in names}
    return kept | {name: [] for name in names & data.keys() if isinstance(data[name], list)}


@cache
def what_is_told(form: str) -> tuple[set[tuple[str, ...]], set[tuple[str, ...]]]:
    """Paths that the messages tell of, and those that they do not."""
    content = updates_and_words if form == UPDATES else CONTENTS[form]
    area = form.partition(" ")[0]
    data, leaves = example(f"{area}.published.v1")
    told = {(area, *names) for names in TOLD_BY_THE_HEAD}
    for edition in editions(area, data):
        before = content(edition)
        for leaf in leaves:
            path = (area, *leaf.names)
            if path in told:
                continue
            # Every change is made, so that the last one is undone.
            differs = [content(edition) != before for _ in changes(edition, leaf)]
            if any(differs):
                told.add(path)
    return told, {(area, *leaf.names) for leaf in leaves} - told


@pytest.mark.parametrize("form", [*CONTENTS, UPDATES])
def test_what_is_not_told_is_named_among_what_is_lost(form: str):
    _, lost = what_is_told(form)
    assert [path for path in sorted(lost) if not any(each.covers(path) for each in LOSSES)] == []


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.path)
def test_what_is_named_as_lost_is_not_told(loss: Lost):
    areas = [what_is_told(area) for area in CONTENTS]
    assert [path for told, _ in areas for path in sorted(told) if loss.covers(path)] == []
    assert any(loss.covers(path) for _, lost in areas for path in lost)
    assert loss.why


def test_updates_and_the_report_beside_them_tell_all_that_a_snapshot_does_and_of_what_is_lost_the_id_alone():
    of_snapshot, _ = what_is_told("allergies")
    told, _ = what_is_told(UPDATES)
    assert of_snapshot <= told
    covered = {path for path in told if any(each.covers(path) for each in LOSSES)}
    assert covered == {tuple(OF_A_SNAPSHOT.split("."))}
