"""The consumer that all workers of a stream share: made, compared with what the bus needs, put right.

Whoever owns the server may have made it otherwise, or have changed it. Some of its settings lose messages
without a word (``max_deliver``), others keep a worker from getting any (``filter_subject``, a small
``max_ack_pending``). What the server changes on a consumer that exists is put right and told. For the rest
somebody has to delete it, which loses nothing: what nobody has acknowledged stays in the stream. All other
settings (replicas, metadata, a description) are the operator's, and stay as they are.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from nats.aio.client import Client
from nats.js.errors import APIError, NotFoundError, ServerError

from bridge.bus.nats.streams import CONSUMER, stream_of
from bridge.errors import Misconfigured
from bridge.observe import record
from bridge.observe.vocabulary.bus import ConsumerChanged
from bridge.values import dataclass

PULL_TIMEOUT: Final = 2.0
"""Seconds that a worker asks for a message at a time; a pull that a broken link swallowed comes again."""
_TIMEOUT: Final = 10.0
_NANOSECOND: Final = 1e-9
_REFUSES_CHANGE: Final = 10012
"""The server's number for a setting that it does not change."""
_UNCHANGEABLE: Final[Mapping[str, object]] = {
    "deliver_policy": "all",
    "ack_policy": "explicit",
    "replay_policy": "instant",
    "deliver_subject": None,  # with one it pushes, and answers no pull
}
_DURATIONS: Final = frozenset({"ack_wait", "inactive_threshold", "max_expires"})


@dataclass(frozen=True, slots=True)
class SettingDifference:
    """A setting of a consumer that is not as the bus needs it.

    Attributes:
        setting: its name on the server.
        found: its value, in words.
        wanted: what it must be, in words.
        can_change: whether the server changes it on a consumer that exists.
    """

    setting: str
    found: str
    wanted: str
    can_change: bool

    def __str__(self) -> str:
        return f"{self.setting} is {self.found}, must be {self.wanted}"


def needed(*, ack_wait: float) -> dict[str, object]:
    """The settings that matter, by their names on the server; None where there must be none.

    Args:
        ack_wait: seconds after which the server hands a message over again when nothing is said.
    """
    return {
        **_UNCHANGEABLE,
        "ack_wait": round(ack_wait / _NANOSECOND),
        "max_deliver": -1,  # at its maximum the server would drop the message without a word
        "max_ack_pending": -1,  # what waits for its time counts, and must not block the rest
        "backoff": None,  # instead of ack_wait, and with a maximum of deliveries
        "filter_subject": None,
        "filter_subjects": None,
        "headers_only": None,
        "inactive_threshold": None,  # else it is deleted while no worker runs
        "max_expires": None,
        "priority_groups": None,  # a pull that names none is refused then
        "priority_policy": None,
    }


def differences(config: Mapping[str, Any], *, ack_wait: float) -> list[SettingDifference]:
    """What of a consumer is not as the bus needs it; empty when all is.

    Args:
        config: of the consumer, as the server tells it (``$JS.API.CONSUMER.INFO``).
        ack_wait: see `needed`.
    """
    found = {name: config.get(name) or None for name in needed(ack_wait=ack_wait)}
    if (found["max_expires"] or 0) * _NANOSECOND >= PULL_TIMEOUT:
        found["max_expires"] = None  # no pull is refused for it
    if found["priority_policy"] == "none":
        found["priority_policy"] = None
    return [
        SettingDifference(name, _words(name, found[name]), _words(name, wanted), name not in _UNCHANGEABLE)
        for name, wanted in needed(ack_wait=ack_wait).items()
        if found[name] != wanted
    ]


async def declare_consumer(client: Client, subject: str, *, ack_wait: float) -> bool:
    """Make the consumer of that stream exist, as the bus needs it; whether there was none.

    Args:
        client: connected.
        subject: what the stream is named after.
        ack_wait: see `needed`.

    Raises:
        Misconfigured: it exists, and has settings that the server does not change; all of them are named.
        nats.js.errors.APIError: the server's answer is no.
    """
    stream = stream_of(subject)
    wanted = needed(ack_wait=ack_wait)
    try:
        config = await consumer_config(client, stream)
    except NotFoundError:
        await _write(client, stream, {**wanted, "durable_name": CONSUMER})
        return True
    found = differences(config, ack_wait=ack_wait)
    if fixed := [one for one in found if not one.can_change]:
        raise Misconfigured(_unusable(stream, _listed(fixed)))
    if found:
        try:
            await _write(client, stream, {**config, **wanted})
        except ServerError as error:
            if error.err_code != _REFUSES_CHANGE:
                raise
            raise Misconfigured(_unusable(stream, f"{_listed(found)}: {error.description}")) from None
        record(ConsumerChanged(stream, _listed(found)))
    return False


async def consumer_config(client: Client, stream: str) -> Mapping[str, Any]:
    """The settings of the consumer that workers share, as the server tells them.

    Raises:
        NotFoundError: there is no such consumer, or no such stream.
        nats.js.errors.APIError: the server's answer is no.
    """
    config: Mapping[str, Any] = (await ask_server(client, f"CONSUMER.INFO.{stream}.{CONSUMER}", b""))[
        "config"
    ]
    return config


async def is_usable(client: Client, subject: str) -> bool:
    """Whether the consumer of that stream exists and can be pulled from.

    Args:
        client: connected.
        subject: what the stream is named after.
    """
    try:
        config = await consumer_config(client, stream_of(subject))
    except NotFoundError:
        return False
    return all((config.get(name) or None) == wanted for name, wanted in _UNCHANGEABLE.items())


async def _write(client: Client, stream: str, config: Mapping[str, object]) -> None:
    # The driver's own call knows some of the settings only, and would set the others back.
    written = {name: value for name, value in config.items() if value is not None}
    request = orjson.dumps({"stream_name": stream, "config": written})
    await ask_server(client, f"CONSUMER.DURABLE.CREATE.{stream}.{CONSUMER}", request)


async def ask_server(client: Client, what: str, request: bytes) -> dict[str, Any]:
    """What JetStream's own API answers.

    Args:
        client: connected.
        what: the end of the subject, ``CONSUMER.INFO.<stream>.<consumer>``.
        request: its body.

    Raises:
        nats.js.errors.APIError: the server's answer is no.
    """
    answer: dict[str, Any] = orjson.loads(
        (await client.request(f"$JS.API.{what}", request, timeout=_TIMEOUT)).data
    )
    if "error" in answer:
        APIError.from_error(answer["error"])
    return answer


def _unusable(stream: str, why: str) -> str:
    advice = "delete the consumer, which loses no message, and it is made anew"
    return f"stream {stream}: its consumer {CONSUMER!r} cannot be used: {why}; {advice}"


def _listed(found: Sequence[SettingDifference]) -> str:
    return ", ".join(map(str, found))


def _words(name: str, value: Any) -> str:
    if value is None:
        return "unset"
    if name in _DURATIONS:
        return f"{value * _NANOSECOND:g} s"
    if name == "backoff":
        return " ".join(f"{pause * _NANOSECOND:g} s" for pause in value)
    return " ".join(map(str, value)) if isinstance(value, list) else str(value).lower()
