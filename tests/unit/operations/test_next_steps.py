"""What a person does next: every code has words, and a cause keeps its id."""

from dataclasses import replace

import pytest

from bridge.errors import FailureCode
from bridge.ledger.model import FailureCause
from bridge.operations.failures import group_id
from bridge.operations.next_steps import BY_CODE, BY_DETAIL, IN_DOUBT, REJECTED, UNKNOWN_CODE, next_step

CAUSE = FailureCause("structured_record", "provider", "provider_timeout", "practice", "read_timeout")


def test_every_code_has_a_next_step():
    assert set(BY_CODE) == set(FailureCode)


@pytest.mark.parametrize("words", [*BY_CODE.values(), *BY_DETAIL.values(), REJECTED, IN_DOUBT, UNKNOWN_CODE])
def test_a_next_step_is_a_sentence_or_a_few(words: str):
    assert words.endswith(".")
    assert words[0].isupper()
    assert len(words) <= 320


def test_what_may_have_been_done_is_never_advised_to_be_asked_again():
    for words in (IN_DOUBT, BY_CODE[FailureCode.OUTCOME_UNKNOWN]):
        assert "Do not ask again" in words


def test_the_cause_decides_and_doubt_comes_first():
    assert next_step(CAUSE, is_in_doubt=True) == IN_DOUBT
    assert next_step(CAUSE, is_in_doubt=False) == BY_CODE[FailureCode.PROVIDER_TIMEOUT]
    held_back = replace(CAUSE, detail="circuit_open")
    assert next_step(held_back, is_in_doubt=False) == BY_DETAIL["circuit_open"]
    crash = replace(CAUSE, code="internal", stage="engine", detail="crash_loop of this one")
    assert next_step(crash, is_in_doubt=False) == BY_DETAIL["crash_loop"]
    assert next_step(replace(CAUSE, code=None), is_in_doubt=False) == REJECTED
    assert next_step(replace(CAUSE, code="of a site"), is_in_doubt=False) == UNKNOWN_CODE


def test_the_id_of_a_group_is_that_of_its_cause_for_good():
    assert group_id(CAUSE) == "e77f969fd79b"  # noted down somewhere, it means the same in a later version
    others = [
        change(value)
        for value in (None, "x", "")
        for change in (
            lambda value: replace(CAUSE, stage=value),
            lambda value: replace(CAUSE, code=value),
            lambda value: replace(CAUSE, upstream=value),
            lambda value: replace(CAUSE, detail=value),
        )
    ]
    assert len({group_id(each) for each in (CAUSE, *others)}) == 13
