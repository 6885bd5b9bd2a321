from typing import Any

import pytest

from bridge.contracts.requests import Patient
from bridge.errors import FailureCode, Refused
from bridge.spine.pds import TracedPatient, verify, verify_practice

NHS_NUMBER = "9990000018"


def traced(**changes: Any) -> TracedPatient:
    facts = {
        "nhs_number": NHS_NUMBER,
        "superseded": None,
        "family_name": "O'Brien",
        "given_names": ("Siân", "Mary"),
        "birth_date": "1948-03-17",
        "gender": "female",
        "practice_ods": "A82038",
        "traced_at": "2026-11-22T09:00:00.000Z",
    }
    return TracedPatient(**(facts | changes))


def asked(**details: Any) -> Patient:
    return Patient.model_validate({"nhs_number": NHS_NUMBER} | details)


@pytest.mark.duty("CS-004")
@pytest.mark.parametrize(
    "details",
    [
        pytest.param({}, id="nothing to check"),
        pytest.param({"birth_date": "1948-03-17"}, id="date of birth alone"),
        pytest.param({"birth_date": "1948-03-17", "family_name": "Smith"}, id="married since"),
        pytest.param(
            {"birth_date": "1948-03-11", "family_name": "OBRIAN", "given_name": "sian"}, id="day differs"
        ),
        pytest.param(
            {"birth_date": "1948-04-17", "family_name": "O'Br", "given_name": "S"}, id="month differs"
        ),
        pytest.param(
            {"birth_date": "1949-03-17", "family_name": "obrien", "given_name": "Susan"}, id="year differs"
        ),
        pytest.param({"family_name": "O\u2019Brien"}, id="another apostrophe"),
        pytest.param({"given_name": "Sian"}, id="without accent"),
        pytest.param({"gender": "male"}, id="gender is no part of the rule"),
    ],
)
def test_details_that_verify_the_number(details: dict[str, Any]):
    verify(asked(**details), traced())


@pytest.mark.duty("CS-004")
@pytest.mark.parametrize(
    ("details", "fields"),
    [
        ({"birth_date": "1948-03-11"}, "birth_date"),
        ({"birth_date": "1948-03-11", "family_name": "O'Brien"}, "birth_date"),
        ({"birth_date": "1949-04-17", "family_name": "O'Brien", "given_name": "Sian"}, "birth_date"),
        (
            {"birth_date": "1948-03-11", "family_name": "Jones", "given_name": "Sian"},
            "birth_date family_name",
        ),
        (
            {"birth_date": "1948-03-11", "family_name": "O'Brien", "given_name": "Mary"},
            "birth_date given_name",
        ),
        ({"family_name": "Jones", "given_name": "Mary"}, "family_name given_name"),
        ({"given_name": "Bob"}, "given_name"),
    ],
)
def test_details_that_do_not_are_named_and_not_repeated(details: dict[str, Any], fields: str):
    with pytest.raises(Refused) as refused:
        verify(asked(**details), traced())

    assert refused.value.code is FailureCode.DEMOGRAPHICS_MISMATCH
    assert refused.value.detail == fields
    assert not any(str(value) in str(refused.value) for value in details.values())


@pytest.mark.duty("CS-004")
@pytest.mark.parametrize(
    "unknown", [{"birth_date": None}, {"birth_date": "1948"}, {"family_name": None, "birth_date": "1948-03"}]
)
def test_what_pds_does_not_know_verifies_nothing(unknown: dict[str, Any]):
    with pytest.raises(Refused):
        verify(asked(birth_date="1948-03-17", family_name="O'Brien", given_name="Sian"), traced(**unknown))


@pytest.mark.duty("CS-005", "SP-041")
def test_another_practice_than_the_registered_one_is_refused():
    verify_practice(None, traced())
    verify_practice("A82038", traced())
    with pytest.raises(Refused) as refused:
        verify_practice("B82617", traced())

    assert refused.value.code is FailureCode.PRACTICE_MISMATCH


def test_its_text_form_shows_no_personal_data():
    text = repr(traced(superseded="9990000026"))

    assert "A82038" in text
    assert not any(value in text for value in (NHS_NUMBER, "9990000026", "Brien", "Mary", "1948", "female"))
