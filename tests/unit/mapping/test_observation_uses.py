"""One profile of Observation, five uses: what refers to one decides, then its code."""

import pytest

from bridge.fhir.index import index_bundle
from bridge.mapping import Asked
from bridge.mapping.identity import identify
from bridge.mapping.observation_uses import ObservationUses
from tests.support import bundles as b

COMMENT = "37331000000100"
IMMUNISATIONS = "1102181000000102"


def observation(local_id, *related, code="365636006"):
    return {
        "resourceType": "Observation",
        "id": local_id,
        "code": b.concept(code),
        "related": [
            {**({} if kind is None else {"type": kind}), "target": b.reference(f"Observation/{target}")}
            for kind, target in related
        ],
    }


def report(*results):
    return {
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "result": [b.reference(f"Observation/{each}") for each in results],
    }


def uses(*resources, codes_of=None):
    index = index_bundle(b.bundle(*resources))
    found = ObservationUses(index, codes_of or {}, identify(index, Asked()))
    return {
        each.ref.partition("/")[2]: found.of(each.ref, each.resource)
        for each in index.resources("Observation")
    }


@pytest.mark.parametrize("kind", ["has-member", None, " has-member "])
def test_a_result_is_found_through_its_group(kind):
    found = uses(report("g"), observation("g", (kind, "r")), observation("r"), observation("o"))
    assert found == {"g": "result", "r": "result", "o": "coded"}


def test_a_result_is_found_by_what_it_says_of_its_group():
    assert uses(report("g"), observation("g"), observation("r", ("derived-from", "g")))["r"] == "result"


def test_an_older_observation_that_a_result_follows_is_none():
    assert uses(report("g"), observation("g", ("sequel-to", "o")), observation("o"))["o"] == "coded"


@pytest.mark.parametrize("named", [("g", "c"), ("g",)])
def test_a_filing_comment_is_named_by_the_report_or_names_a_test(named):
    comment = observation("c", ("derived-from", "g"), code=COMMENT)
    assert uses(report(*named), observation("g"), comment)["c"] == "filing_comment"


def test_any_other_comment_is_narrative():
    assert uses(report("g"), observation("g"), observation("c", code=f"{COMMENT} ")) == {
        "g": "result",
        "c": "narrative",
    }


def test_the_list_of_immunisations_makes_an_entry_a_status():
    codes_of = {"Observation/s": [IMMUNISATIONS], "Observation/o": ["826501000000100"]}
    assert uses(observation("s"), observation("o"), codes_of=codes_of) == {
        "s": "immunisation_status",
        "o": "coded",
    }


def test_related_ones_in_a_circle_end():
    found = uses(report("a"), observation("a", ("has-member", "b")), observation("b", ("has-member", "a")))
    assert found == {"a": "result", "b": "result"}


@pytest.mark.parametrize("turn", [1, -1])
def test_of_two_of_one_id_each_tells_what_it_belongs_to_whichever_comes_last(turn):
    two = [observation("g", ("has-member", "r")), observation("g")][::turn]
    assert uses(report("g"), *two, observation("r"))["r"] == "result"
