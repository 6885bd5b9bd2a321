"""Allergies in R4: none, nothing recorded, withheld and unknown stay different; an ended one is never active."""

from typing import Any

import pytest

from bridge.renderings.fhir_r4.spec import R4
from bridge.renderings.rendering import RenderingOptions
from tests.support import bundles as b
from tests.support.answers import answer_to, only
from tests.support.r4 import faults, of_kind

NONE_KNOWN = "716186003"


def rendered(*sent: Any, options: RenderingOptions | None = None) -> Any:
    bundle = only(R4, answer_to(b.record(*sent)), options)
    assert faults(bundle, seen=set()) == []
    return bundle


def with_list(*allergies: Any, **of_list: Any) -> list[Any]:
    targets = [f"AllergyIntolerance/{each['id']}" for each in allergies]
    return [b.record_list(b.ALLERGIES_LIST, *targets, **of_list), b.ended_list(), *allergies]


def allergy_list(bundle: Any) -> Any:
    return next(
        each for each in of_kind(bundle, "List") if each["title"] == "Allergies and adverse reactions"
    )


def own(resource: Any, name: str) -> list[Any]:
    """Values of our extensions of a name, at any depth below the resource's own."""
    return [
        value
        for each in resource.get("extension", ())
        for part in (each, *each.get("extension", ()))
        if part["url"].rpartition(":")[2] == name
        for key, value in part.items()
        if key.startswith("value")
    ]


def said(bundle: Any) -> list[str]:
    return [
        issue["details"]["text"] for each in of_kind(bundle, "OperationOutcome") for issue in each["issue"]
    ]


def none_known(allergy_id: str = "nka", **more: Any) -> Any:
    return b.allergy(allergy_id, code=b.concept(NONE_KNOWN, "No known allergy"), reaction=None, **more)


def test_none_known_is_one_only_where_the_record_says_so():
    bundle = rendered(*with_list(none_known()))
    (resource,) = of_kind(bundle, "AllergyIntolerance")
    assert resource["code"]["coding"][0]["code"] == NONE_KNOWN
    assert own(resource, "no-known-allergy") == [True]
    assert own(allergy_list(bundle), "allergy-statement") == ["no_known_allergies"]


def test_none_known_beside_an_allergy_is_words_and_no_resource():
    bundle = rendered(*with_list(none_known(), b.allergy("a1")))
    codes = [each["code"]["coding"][0]["code"] for each in of_kind(bundle, "AllergyIntolerance")]
    assert NONE_KNOWN not in codes
    assert len(codes) == 1
    assert len(allergy_list(bundle)["entry"]) == 1
    assert own(allergy_list(bundle), "allergy-statement") == ["contradictory"]
    assert any("No known allergy" in each for each in said(bundle))
    assert any("No known allergy" in each["text"] for each in allergy_list(bundle)["note"])


def reasons(found: Any) -> list[tuple[str, str]]:
    return [(each["system"].rpartition("/")[2], each["code"]) for each in found["emptyReason"]["coding"]]


def test_nothing_recorded_withheld_and_no_list_are_three_things():
    nothing = rendered(b.record_list(b.ALLERGIES_LIST), b.ended_list())
    withheld = rendered(
        b.record_list(b.ALLERGIES_LIST, warnings=("confidential-items",)),
        b.ended_list(),
    )
    absent = rendered()
    assert reasons(allergy_list(nothing)) == [("UKCore-ListEmptyReasonCode", "no-content-recorded")]
    assert reasons(allergy_list(withheld)) == [("list-empty-reason", "withheld")]
    assert reasons(allergy_list(absent)) == [("list-empty-reason", "unavailable")]
    assert {"nilknown"}.isdisjoint(
        code for each in (nothing, withheld, absent) for _, code in reasons(allergy_list(each))
    )
    (warning, _) = allergy_list(withheld)["extension"]
    assert warning["url"].endswith("Extension-UKCore-ListWarningCode")
    assert warning["valueCodeableConcept"]["coding"][0]["code"] == "confidential-items"
    assert [any("allergies: " in each for each in said(one)) for one in (nothing, withheld, absent)] == [
        False,
        True,
        True,
    ]
    assert [own(allergy_list(each), "allergy-statement") for each in (nothing, withheld, absent)] == [
        ["nothing_recorded"],
        ["unavailable"],
        ["unavailable"],
    ]


def test_a_list_that_is_not_whole_says_so_though_it_has_entries():
    bundle = rendered(*with_list(b.allergy("a1"), warnings=("data-in-transit",)))
    found = allergy_list(bundle)
    assert (len(found["entry"]), own(found, "complete")) == (1, [False])
    assert any("not complete" in each["text"] for each in found["note"])
    assert any(each.startswith("allergies: ") for each in said(bundle))


@pytest.mark.parametrize("profile", ["ukcore-current", "pair-2022"])
def test_an_ended_one_is_resolved_with_its_end_where_the_profile_has_it(profile):
    ended = b.ended_allergy("e1")
    bundle = rendered(
        b.record_list(b.ALLERGIES_LIST),
        b.ended_list(ended),
        options=RenderingOptions(r4_profile=profile),
    )
    (resource,) = of_kind(bundle, "AllergyIntolerance")
    assert resource["clinicalStatus"]["coding"][0]["code"] == "resolved"
    holder = resource if profile == "pair-2022" else resource["clinicalStatus"]
    (end,) = [each for each in holder["extension"] if each["url"].endswith("AllergyIntoleranceEnd")]
    assert [each["url"] for each in end["extension"]] == ["endDate", "reasonEnded"]
    # CS-089: verificationStatus has no meaning; the published pairs have it.
    assert ("verificationStatus" in resource) is (profile == "pair-2022")


def test_a_degraded_one_is_words_and_blocks_prescribing():
    degraded = b.allergy(
        "a1", code=b.concept("196461000000101", "Transfer-degraded drug allergy", text="Penicillin V")
    )
    (resource,) = of_kind(rendered(*with_list(degraded)), "AllergyIntolerance")
    assert resource["code"] == {"text": "Penicillin V"}
    assert own(resource, "requires-prescribing-block") == [True]
    assert own(resource, "usable-for-decision-support") == [False]
