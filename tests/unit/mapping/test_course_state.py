"""Whether a medication runs on the day of retrieval, the 22nd of November 2026, whatever the supplier."""

from typing import Any

import pytest

from bridge.areas import MedicationCourse, map_record
from bridge.mapping import Asked
from tests.support import bundles as b
from tests.support.mapped import SOURCE, course, mapped

LISTED = b.record_list(b.MEDICATIONS_LIST, "MedicationStatement/s1")


def made(
    *states: str, kind: str = "repeat", start: str | None = "2026-11-01", end: str | None = None, **more: Any
) -> MedicationCourse:
    """The course of a statement and a plan; one state is that of both."""
    plan = b.plan(status=states[-1], extension=[b.prescription_type(kind), *more.get("extension", [])])
    period = {name: day for name, day in (("start", start), ("end", end)) if day is not None}
    statement = b.statement(status=states[0], effectivePeriod=period)
    return course(mapped(b.record(LISTED, b.medication(), statement, plan)))


@pytest.mark.parametrize(
    ("states", "kind", "end", "state", "why"),
    [
        (["active"], "repeat", None, "current", "active"),
        (["active"], "acute", None, "current", "active"),
        (["active"], "repeat", "2026-11-30", "current", "end_ahead"),
        (["active"], "repeat", "2026-11-22", "current", "end_ahead"),
        (["active"], "repeat", "2026-11-21", "unknown", "active_past_end"),
        (["completed"], "acute", "2026-11-30", "current", "end_ahead"),
        (["completed"], "acute", "2026-11-22", "current", "end_ahead"),
        (["completed"], "acute", "2026-11-21", "ended", "end_passed"),
        (["completed"], "repeat", "2026-11", "current", "end_ahead"),
        (["completed"], "repeat", "2026-10", "ended", "end_passed"),
        (["completed"], "repeat", "2025", "ended", "end_passed"),
        (["completed"], "acute", None, "ended", "end_passed"),
        (["completed"], "repeat", None, "unknown", "completed_without_end"),
        (["completed", "active"], "repeat", None, "current", "active"),
        (["completed", "active"], "repeat", "2026-11-30", "current", "end_ahead"),
        (["stopped"], "repeat", "2026-11-30", "ended", "stopped"),
        (["stopped", "completed"], "repeat", "2026-11-30", "ended", "stopped"),
        (["stopped", "active"], "repeat", None, "unknown", "states_differ"),
        (["active", "stopped"], "repeat", None, "unknown", "states_differ"),
        (["on-hold"], "repeat", None, "unknown", "state_unknown"),
        (["active"], "repeat", "soon", "unknown", "date_unreadable"),
        (["active"], "repeat", "9999-12-31", "current", "active"),
        (["completed"], "repeat", "0001-01-01", "unknown", "completed_without_end"),
    ],
)
def test_by_states_and_dates(states: list[str], kind: str, end: str | None, state: str, why: str) -> None:
    found = made(*states, kind=kind, end=end)["course_state"]
    assert (found["state"], found["why"]) == (state, why)


@pytest.mark.parametrize("status", ["active", "completed"])
def test_what_starts_later_is_planned(status: str) -> None:
    assert made(status, start="2026-11-23", end="2026-11-30")["course_state"] == {
        "state": "planned",
        "why": "starts_later",
        "until": {"value": "2026-11-30", "precision": "day"},
    }


def test_the_day_of_an_instant_is_that_of_the_uk() -> None:
    # Half past eleven at night in UTC is the next day in summer time.
    statement = b.statement(
        status="completed", effectivePeriod={"start": "2026-05-01", "end": "2026-05-31T23:30:00Z"}
    )
    bundle = b.record(LISTED, b.medication(), statement, b.plan(status="completed"))
    source = type(SOURCE)(request_id="r1", retrieved_at="2026-06-01T10:00:00Z", body_sha256="0" * 64)
    record = map_record(bundle, asked=Asked(), source=source)
    assert course(record)["course_state"]["why"] == "end_ahead"


def test_a_stopped_one_ended_on_the_day_it_was_stopped() -> None:
    stop = b.extension(
        "MedicationStatusReason", extension=[{"url": "statusChangeDate", "valueDateTime": "2026-11-10"}]
    )
    assert (
        made("stopped", end="2026-12-31", extension=[stop])["course_state"]["until"]["value"] == "2026-11-10"
    )


@pytest.mark.parametrize(
    ("status", "end", "running"),
    [
        ("completed", "2026-11-30", True),
        ("completed", "2026-11-22", True),
        ("completed", "2026-11-21", False),
        ("active", "2026-11-30", False),
        ("stopped", "2026-11-30", False),
    ],
)
def test_completed_but_running_is_marked(status: str, end: str, *, running: bool) -> None:
    assert ("completed_but_running" in made(status, end=end)["issue_codes"]) == running


@pytest.mark.parametrize(
    ("status", "end", "conflict"),
    [
        ("active", "2026-11-30", False),
        ("active", "2026-11-22", False),
        ("active", "2026-11-21", True),
        ("active", None, False),
        ("active", "9999-12-31", False),
        ("completed", None, True),
        ("completed", "9999-12-31", True),
        ("completed", "2026-11-30", False),
    ],
)
def test_state_and_dates_conflict_on_the_day_of_retrieval(
    status: str, end: str | None, *, conflict: bool
) -> None:
    assert ("date_status_conflict" in made(status, end=end)["issue_codes"]) == conflict


def test_a_plan_and_an_order_on_their_own_have_a_state_too() -> None:
    record = mapped(
        b.record(
            b.medication(),
            b.plan(dispenseRequest={"validityPeriod": {"start": "2026-11-01", "end": "2026-11-30"}}),
            b.order(
                basedOn=None,
                dispenseRequest={"validityPeriod": {"start": "2026-10-01", "end": "2026-10-28"}},
            ),
        )
    )
    states = {each["provenance"]["source_ref"]: each["course_state"] for each in record["medications"]}
    assert states["MedicationRequest/plan1"]["why"] == "end_ahead"
    assert states["MedicationRequest/order1"]["why"] == "end_passed"
