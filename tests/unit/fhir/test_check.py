"""The strict check that an integrator sends to a supplier."""

from typing import Any

import pytest

from bridge.fhir.check import Deviation, check_bundle
from tests.support import bundles as b


def test_a_bundle_as_specified_deviates_nowhere() -> None:
    assert check_bundle(b.typical_record()) == []


@pytest.mark.parametrize("value", [None, [], {}, {"resourceType": "Patient"}])
def test_what_is_no_bundle(value: Any) -> None:
    assert check_bundle(value) == [Deviation("Bundle", "resourceType", "not a Bundle")]


def test_each_resource_alone_with_path_and_rule_and_without_values() -> None:
    bundle = b.record(
        b.patient("p2", birthDate="secret", managingOrganization={"resourceType": "secret"}),
        b.patient("p3", contained=[{"resourceType": "secret"}]),
        b.allergy(assertedDate="31/01/1950", novelty="secret"),
        b.plan(dispenseRequest={"expectedSupplyDuration": {"code": ["secret"]}}),
        {"resourceType": "Starship", "id": "1"},
        {"resourceType": "../os", "id": "2"},
    )
    bundle["entry"].append({"resource": None})
    found = check_bundle(bundle)
    assert {(each.resource, each.path) for each in found} == {
        ("Patient/p2", "birthDate"),
        ("Patient/p2", "managingOrganization.resource_type"),
        ("Patient/p3", ""),
        ("AllergyIntolerance/a1", "assertedDate"),
        ("AllergyIntolerance/a1", "novelty"),
        ("MedicationRequest/plan1", "dispenseRequest.expectedSupplyDuration.code"),
        ("Starship/1", "resourceType"),
        ("../os/2", "resourceType"),
        ("entry", "resource"),
    }
    assert all(each.rule and "secret" not in each.rule and "1950" not in each.rule for each in found)
