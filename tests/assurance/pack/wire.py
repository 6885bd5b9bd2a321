"""What the simulator saw of a request, read from the bytes as they came: nothing of the product is used to judge it."""

import base64
import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qsl

from bridge.sandbox import Call
from bridge.sandbox.spine.interactions import BY_INTERACTION
from tests.assurance.pack.simulated import StepRun

Json = dict[str, Any]

DIARY = {"search_slots", "book", "read_appointment", "patient_appointments", "amend", "cancel"}
DOCUMENTS = {"documents_metadata", "documents_patient", "documents_search", "document"}
WRITES = {"book", "amend", "cancel"}
OF_A_PATIENT = {
    "structured_record",
    "care_record",
    "find_patient",
    "read_patient",
    "register_patient",
    "patient_appointments",
    "book",
    "amend",
    "cancel",
    "documents_patient",
    "documents_search",
}


def operation(call: Call) -> str:
    """As the simulator calls it; empty for what is no call of a practice."""
    known = BY_INTERACTION.get(call.interaction or "")
    return known.name if known and call.upstream == "practice" else ""


def calls(step: StepRun, *operations: str) -> Iterator[Call]:
    """Calls that reached a practice, of these operations or of all."""
    for call in step.calls:
        if (
            call.upstream == "practice"
            and call.exchange
            and (not operations or operation(call) in operations)
        ):
            yield call


def before(step: StepRun, call: Call, upstream: str) -> list[Call]:
    """Calls of one upstream in the step, before another call."""
    return [one for one in step.calls if one.upstream == upstream and one.sequence < call.sequence]


def headers(call: Call) -> dict[str, str]:
    """Of the request, names in lower case."""
    return dict(call.exchange.headers) if call.exchange else {}


def query(call: Call) -> list[tuple[str, str]]:
    """Of the request, decoded."""
    return parse_qsl(call.exchange.query, keep_blank_values=True) if call.exchange else []


def values(call: Call, name: str) -> list[str]:
    """Of one parameter of the query."""
    return [value for known, value in query(call) if known == name]


def body(call: Call) -> Json:
    """Of the request."""
    return _json(call.exchange.body) if call.exchange else {}


def answer(call: Call) -> Json:
    """Of the server."""
    return _json(call.exchange.answer) if call.exchange else {}


def parameters(call: Call) -> dict[str, list[Json]]:
    """Parameters of the body, by name."""
    found: dict[str, list[Json]] = {}
    for one in body(call).get("parameter", []):
        found.setdefault(one["name"], []).append(one)
    return found


def token(call: Call) -> tuple[Json, str]:
    """Header and signature of the token; its claims are `Call.claims`."""
    parts = headers(call).get("authorization", "").removeprefix("Bearer ").split(".")
    if len(parts) != 3:
        return {}, "none"
    return _json(base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4))), parts[2]


def identifiers(resource: Any) -> dict[str, str]:
    """Of a resource in a claim, by system."""
    return {one["system"]: one["value"] for one in (resource or {}).get("identifier", [])}


def whole_dates(value: Any) -> Iterator[str]:
    """Every date that stands anywhere in a body."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "valueDate" or (name in ("start", "end") and isinstance(inner, str)):
                yield inner
            else:
                yield from whole_dates(inner)
    if isinstance(value, list):
        for inner in value:
            yield from whole_dates(inner)


def moment(text: str) -> datetime | None:
    """A whole date or a date-time with its offset, behind ``ge`` or ``le``; None when it is neither."""
    text = text[2:]
    try:
        if len(text) == len("2026-01-01"):
            return datetime.combine(date.fromisoformat(text), datetime.min.time())
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=None) if found.tzinfo else None


def fetched(step: StepRun, call: Call) -> Json | None:
    """The appointment as the practice told it last, before it was changed."""
    wanted = call.exchange.target.rpartition("/")[2] if call.exchange else ""
    for earlier in reversed([one for one in calls(step) if one.sequence < call.sequence]):
        told = answer(earlier)
        for one in [told, *(entry.get("resource", {}) for entry in told.get("entry", []))]:
            if one.get("resourceType") == "Appointment" and one.get("id") == wanted:
                return dict(one)
    return None


def _json(text: bytes) -> Json:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
