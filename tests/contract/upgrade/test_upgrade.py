"""What an earlier release left behind is read by this one, and what this one says is what its readers know.

`README.md` of this folder says what is kept of a release, and how it was made.
"""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # ships no types
import pytest
from jsonschema import Draft202012Validator

from tests.contract.deploy.test_guide import defaults
from tests.contract.schemas.test_schemas import RECORDS, events, mapped
from tests.contract.upgrade.compatible import Way, breaks
from tests.contract.upgrade.make import KEYS, PATIENT_KEY
from tests.contract.upgrade.table import GUIDE, HERE, PART, RELEASES, kept, written
from tests.support.postgres import fresh_database
from tests.support.processes import bridge
from tests.support.published import check, schemas

LATER = "2126-01-01 00:00:00.000000"
STATES = {
    "completed": "completed",
    "failed": "failed",
    "rejected": "rejected",
    "booked": "completed",
    "in_doubt": "in_doubt",
    "running": "in_flight",
}


@dataclass(frozen=True)
class LeftLedger:
    """A ledger that a release left, with what it said of its requests."""

    environment: dict[str, str]
    folder: Path
    answers: dict[str, Any]

    def run(self, *arguments: str) -> str:
        ended = bridge(*arguments, directory=self.folder, environment=self.environment)
        assert ended.code == 0, ended
        return ended.text


@pytest.fixture(
    params=[(release, kind) for release in RELEASES for kind in ("sqlite", "postgresql")], ids="-".join
)
def left(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LeftLedger]:
    release, kind = request.param
    for name in KEYS:
        shutil.copy(HERE / release / name, tmp_path)
        (tmp_path / name).chmod(0o600)
    environment = {
        "BRIDGE_SANDBOX": "true",
        "BRIDGE_STATE_DIR": str(tmp_path),
        "BRIDGE_PATIENT_KEY": PATIENT_KEY,
    }
    # Kept answers are not handed out when their time is over, and this one's came long ago.
    lasting = f"UPDATE answers SET expires_at = '{LATER}'"
    answers = kept(release, f"{kind}.answers.json")
    if kind == "sqlite":
        shutil.copy(HERE / release / "ledger.db", tmp_path)
        with sqlite3.connect(tmp_path / "ledger.db") as connection:
            connection.execute(lasting)
        connection.close()
        yield LeftLedger(environment, tmp_path, answers)
        return
    with fresh_database(request.getfixturevalue("postgres_server")) as url:
        dump = (HERE / release / "ledger.sql").read_text(encoding="utf-8")
        asyncio.run(_load(url, dump, lasting))
        yield LeftLedger(environment | {"BRIDGE_LEDGER_URL": url}, tmp_path, answers)


async def _load(url: str, *scripts: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for script in scripts:
            await connection.execute(script)
            await connection.execute("RESET ALL")  # a dump names no schema for its own session
    finally:
        await connection.close()


def test_a_ledger_that_an_earlier_release_left_is_migrated_and_says_what_it_said(left: LeftLedger):
    assert left.run("ledger", "upgrade").startswith("migrated: ")
    for name, before in left.answers.items():
        now = json.loads(left.run("ledger", "show", name))
        assert now["state"] == STATES[name]
        assert within(before, now) == []
    left.run("audit", "verify")
    assert json.loads(left.run("ledger", "remap", "completed"))["schema_version"] == "1.0"
    (doubt,) = json.loads(left.run("ledger", "doubts", "list", "--json"))
    assert doubt["request_key"] == left.answers["in_doubt"]["request_key"]


def test_a_ledger_of_a_later_release_is_refused_with_the_way_out(tmp_path: Path):
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("CREATE TABLE ledger_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO ledger_version VALUES ('9001')")
    connection.close()
    environment = {
        "BRIDGE_SANDBOX": "true",
        "BRIDGE_STATE_DIR": str(tmp_path),
        "BRIDGE_PATIENT_KEY": PATIENT_KEY,
    }
    ended = bridge("ledger", "upgrade", directory=tmp_path, environment=environment)
    assert ended.code == 3
    assert "the ledger's schema is of version 9001" in ended.errors
    assert "run the version that made it, or a newer one" in ended.errors


def within(before: Any, now: Any, at: str = "$") -> list[str]:
    """Where something that was said is said otherwise; more may be said."""
    if isinstance(before, dict) and isinstance(now, dict):
        return [
            fault for name, value in before.items() for fault in within(value, now.get(name), f"{at}.{name}")
        ]
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        return [
            fault for each, other in zip(before, now, strict=True) for fault in within(each, other, f"{at}[]")
        ]
    return [] if before == now else [f"{at}: {before!r} became {now!r}"]


def way_of(kind: str) -> Way:
    return "read" if kind.endswith(".requested.v1") or kind == "cloudevent" else "written"


@pytest.mark.parametrize("release", RELEASES)
def test_messages_have_only_gained(release: str):
    before = kept(release, "schemas.json")
    assert set(before) - set(schemas()) == set()
    found = {kind: breaks(before[kind], schemas()[kind], way_of(kind)) for kind in before}
    assert {kind: faults for kind, faults in found.items() if faults} == {}


@pytest.mark.parametrize("release", RELEASES)
def test_events_of_an_earlier_release_are_events_of_this_one(release: str):
    told = [event for events_of_one in kept(release, "events.json").values() for event in events_of_one]
    assert len(told) >= 7
    for event in told:
        check(event["type"].removeprefix("uk.nhs.gpconnect."), event["data"])


@pytest.mark.parametrize("release", RELEASES)
def test_events_of_this_release_keep_the_schemas_of_an_earlier_one(release: str):
    before = kept(release, "schemas.json")
    seen = set()
    for scenario in RECORDS[::6]:
        for event in events(mapped(scenario)):
            validator = Draft202012Validator(before[event.kind])
            faults = [
                f"{fault.json_path}: {fault.validator}"
                for fault in validator.iter_errors(as_sent(event.data))
            ]
            assert faults == [], event.kind
            seen.add(event.kind)
    assert seen == {"medications.published.v1", "allergies.published.v1", "record.completed.v1"}


def as_sent(data: Any) -> Any:
    return json.loads(json.dumps(data))


@pytest.mark.parametrize("release", RELEASES)
def test_settings_have_only_come(release: str):
    assert set(kept(release, "settings.json")) - set(defaults()) == set()


def test_the_table_says_since_when_each_message_and_setting_is_there():
    text = GUIDE.read_text(encoding="utf-8")
    assert PART.sub(lambda part: part[1] + written() + part[2], text) == text


FIELDS = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


@pytest.mark.parametrize(
    ("now", "way", "fault"),
    [
        (FIELDS | {"properties": {}}, "written", "$.a: gone"),
        (FIELDS | {"required": []}, "written", "$.a: was always there"),
        (FIELDS | {"required": []}, "read", None),
        (FIELDS | {"required": ["a", "b"]}, "written", None),
        (FIELDS | {"required": ["a", "b"]}, "read", "$.b: is asked for now"),
        (FIELDS | {"properties": {"a": {"type": "integer"}}}, "read", "$.a: string became integer"),
        (FIELDS | {"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}, "read", None),
        (
            FIELDS | {"properties": {"a": {"type": "array", "items": {"type": "string"}}}},
            "written",
            "$.a: string became array",
        ),
        (
            FIELDS | {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "null"}}},
            "read",
            "$.a: string became null",
        ),
    ],
)
def test_what_breaks_a_reader_or_a_sender_is_found(now: dict, way: Way, fault: str | None):
    assert breaks(FIELDS, now, way) == ([] if fault is None else [fault])


def test_a_value_that_is_taken_no_more_is_found_and_one_that_comes_is_not():
    before, more, fewer = ({"enum": list(values)} for values in ("ab", "abc", "a"))
    assert breaks(before, more, "read") == []
    assert breaks(before, fewer, "read") == ["$: 'b' is no value any more"]
