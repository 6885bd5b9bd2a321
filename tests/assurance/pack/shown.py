"""A step as pages show it: its message, its calls with what was sent and answered, its events. Synthetic, all of it."""

import base64
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bridge.sandbox import Call
from tests.assurance.pack.simulated import StepRun

LONGEST = 3000
"""Characters of a text that are shown."""
_SECRET = {"authorization", "apikey", "host", "connection"}


@dataclass(frozen=True, slots=True)
class ShownCall:
    """One call, in words."""

    upstream: str
    line: str
    outcome: str
    headers: str
    claims: str
    sent: str
    answered: str


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """One event."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class ShownStep:
    """One request and all that came of it."""

    title: str
    accepts: str
    message: str
    outcome: str
    calls: tuple[ShownCall, ...]
    events: tuple[ShownEvent, ...]


def shown(step: StepRun) -> ShownStep:
    """A step as pages show it."""
    return ShownStep(
        step.title,
        step.request.accepts,
        _pretty(step.request.data),
        step.outcome,
        tuple(_call(call) for call in step.calls),
        tuple(ShownEvent(event.kind, _event(event.content_type, event.body)) for event in step.events),
    )


def _call(call: Call) -> ShownCall:
    exchange = call.exchange
    headers, sent, answered, line = "", "", "", call.method
    if exchange:
        line = f"{call.method} {_path(exchange.target)}{'?' if exchange.query else ''}{exchange.query}"
        headers = "\n".join(
            f"{name}: {value}" for name, value in sorted(exchange.headers.items()) if name not in _SECRET
        )
        # A request for a token is nothing but a signed secret, of the simulator's own client.
        sent = _text(exchange.body) if call.upstream != "token" else "(a signed assertion)"
        answered = _text(exchange.answer) if call.upstream != "token" else "(a token)"
    told = str(call.status) if call.status is not None else "no answer"
    outcome = "; ".join([told, *([f"refused: {call.refused}"] if call.refused else []), *call.remarks])
    claims = _pretty(call.claims) if call.claims else ""
    return ShownCall(call.upstream, line, outcome, headers, claims, sent, answered)


def _path(target: str) -> str:
    """The proxy's path is an address itself, of a port that is another in every run."""
    inner = target.removeprefix("/")
    return f"/…{urlsplit(inner).path}" if inner.startswith("http") else target


def _event(content_type: str, body: bytes) -> str:
    if "json" in content_type:
        return _text(json.dumps(json.loads(body).get("data")).encode())
    return _text(body)


def _text(body: bytes) -> str:
    if not body:
        return ""
    try:
        return _cut(_pretty(json.loads(body)))
    except ValueError:
        pass
    try:
        return _cut(body.decode())
    except UnicodeDecodeError:
        return _cut(base64.b64encode(body[:LONGEST]).decode())


def _pretty(value: Any) -> str:
    return _cut(json.dumps(value, indent=1, ensure_ascii=False))


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}\n… and {len(text) - LONGEST} characters more"
