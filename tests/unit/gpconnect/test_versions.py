"""A practice of any version is asked for everything: what it does not know, the record says of the area."""

from typing import Any

import orjson
import pytest

from bridge.areas import AREAS, map_record
from bridge.areas.requests import Areas
from bridge.gpconnect.structured import structured_parameters
from bridge.mapping import Asked
from bridge.sandbox import BY_NAME
from bridge.sandbox.structured.parameters import read_query
from tests.support.mapped import SOURCE, area

PATIENT = BY_NAME["rich_record"]
SINCE = {
    "consultations": 3,
    "problems": 3,
    "immunisations": 3,
    "observations": 3,
    "investigations": 4,
    "referrals": 4,
    "diary_entries": 5,
}
"""The minor version that an area came with (digest §1.7); medications and allergies are as old as the first."""
NAMES = [each.name for each in AREAS.areas if each.options is not None]


def record_of(wanted: dict[str, Any], version: str) -> Any:
    areas = Areas.model_validate(wanted)
    body = orjson.loads(structured_parameters(PATIENT.nhs_number, areas.parameters()))
    assert b"filterSignificance" not in orjson.dumps(body)
    held = PATIENT.record()
    assert held is not None
    bundle = held.answer(read_query(body, version=version))
    asked = Asked(nhs_number=PATIENT.nhs_number, areas=areas.options())
    return map_record(bundle, asked=asked, source=SOURCE)


@pytest.mark.duty("CS-038", "CS-039")
@pytest.mark.parametrize("version", ["1.2.7", "1.3.2", "1.4.0", "1.5.1", "1.6.2"])
def test_what_a_version_does_not_know_is_said_of_each_area(version: str) -> None:
    record = record_of({name: {} for name in NAMES}, version)
    unknown = {name for name in NAMES if SINCE.get(name, 0) > int(version.split(".")[1])}
    outcomes = {name: area(record, name)["outcome"] for name in NAMES}
    assert {name for name, outcome in outcomes.items() if outcome == "not_supported"} == unknown
    assert outcomes["medications"] == outcomes["allergies"] == "items"
    for name in unknown:
        assert "is an unrecognised parameter" in area(record, name)["note"]
        assert not area(record, name)["complete"]


@pytest.mark.duty("CS-039")
@pytest.mark.parametrize(("version", "known"), [("1.4.0", False), ("1.5.0", True)])
def test_a_part_that_a_version_does_not_know_is_said_of_its_area(version: str, known: bool) -> None:
    found = area(record_of({"immunisations": {"include_not_given": False}}, version), "immunisations")
    assert ("includeImmunisations.includeNotGiven" in found.get("note", "")) is not known
    assert ("limited_to" in found) is known
