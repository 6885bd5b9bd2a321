from bridge.contracts.events import request_failed
from bridge.errors import FailureCode, Refused, Unavailable


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
