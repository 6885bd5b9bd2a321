from bridge.contracts.events import request_failed
from bridge.errors import DocumentUnavailable, FailureCode, Refused, Unavailable


def test_a_failure_says_what_came_where_and_in_how_many_tries():
    event = request_failed(
        Unavailable(FailureCode.PROVIDER_TIMEOUT, stage="provider", detail="read"), attempts=4
    )

    said = {name: event.data[name] for name in ("code", "stage", "detail", "attempts", "retryable")}
    assert said == {
        "code": FailureCode.PROVIDER_TIMEOUT,
        "stage": "provider",
        "detail": "read",
        "attempts": 4,
        "retryable": True,
    }
    assert event.data["message"]
    assert event.data["advice"]


def test_what_has_no_detail_says_none():
    event = request_failed(Refused(FailureCode.PATIENT_NOT_FOUND, stage="pds"), attempts=1)

    assert "detail" not in event.data
    assert event.data["retryable"] is False


def test_what_the_practice_says_of_it_is_passed_on_where_it_says_anything():
    said, unsaid = (
        request_failed(DocumentUnavailable(words), attempts=1)
        for words in ("Patient must see it first.", None)
    )

    assert said.data["practice_words"] == "Patient must see it first."
    assert "practice_words" not in unsaid.data
