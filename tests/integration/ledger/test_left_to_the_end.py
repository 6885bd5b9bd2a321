"""Rows that a transaction leaves to its end are what any other statement would have stored."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from sqlalchemy import Connection, insert, select

from bridge.ledger.storage.group_commit import add_rows, write_now
from bridge.ledger.storage.store import Store
from bridge.ledger.storage.tables import calls, requests
from bridge.ledger.vault.vault import answer_bodies

MOMENTS = (
    datetime(2026, 11, 30, 9, 30, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 30, 0, 1, tzinfo=timezone(timedelta(hours=1))),
    datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=-9, minutes=-30))),
)
TEXTS = ("", "plain", 'it\'s "quoted" \\ and\nbroken\t', "Ærøskøbing €5 😀", "[null, {}]", "NULL", "\\x00")
DURATIONS = (0.0, 0.1 + 0.2, 12.5, 1e-9, 123456789.000001)
BODIES = (b"", bytes(range(256)), b"\\x00", b"{}")


def called(request: int) -> list[dict[str, Any]]:
    return [
        {
            "request_id": request,
            "start": 1,
            "number": number,
            "what": text,
            "where": "A12345",
            "trace_id": text * 3,
            "status": None if number % 2 else number,
            "code": text or None,
            "started_at": MOMENTS[number % len(MOMENTS)],
            "duration_ms": DURATIONS[number % len(DURATIONS)],
        }
        for number, text in enumerate(TEXTS)
    ]


def taken_up(key: str) -> dict[str, Any]:
    at = MOMENTS[0]
    return {
        **dict.fromkeys(("request_key", "pipeline", "correlation_id", "body_sha256", "worker"), key),
        **dict.fromkeys(("received_at", "started_at"), at),
        "state": "in_flight",
        **dict.fromkeys(("starts", "waits"), 1),
    }


async def test_rows_are_what_another_statement_would_have_stored(store: Store):
    def both(connection: Connection) -> None:
        for key in ("left", "at once"):
            connection.execute(insert(requests), taken_up(key))
        one, other = connection.scalars(select(requests.c.id).order_by(requests.c.id))
        add_rows(connection, calls, called(one), skip_known=True)
        add_rows(connection, calls, called(one), skip_known=True)
        connection.execute(insert(calls), called(other))
        add_rows(connection, answer_bodies, kept("left"), skip_known=False)
        write_now(connection)
        connection.execute(insert(answer_bodies), kept("at once"))

    def kept(name: str) -> list[dict[str, Any]]:
        return [{"sha256": name, "expires_at": MOMENTS[1], "sealed": body} for body in BODIES]

    await store.write(both)
    made = await store.read(lambda to: to.execute(select(calls).order_by(*calls.primary_key)).all())
    assert len(made) == 2 * len(TEXTS)
    assert [row[1:] for row in made[: len(TEXTS)]] == [row[1:] for row in made[len(TEXTS) :]]
    bodies = await store.read(lambda to: to.execute(select(answer_bodies)).all())
    found = {name: sorted(row[1:] for row in bodies if row.sha256 == name) for name in ("left", "at once")}
    assert found["left"] == found["at once"] == sorted((MOMENTS[1], body) for body in BODIES)
