"""The CloudEvents 1.0 envelope, read in the three ways existing buses send it, written in one.

Read: *structured* (the body is the event), *binary* (attributes are headers, the body is the data) and
*bare* JSON (the body is the data, the broker's own properties say the rest). Written: structured JSON,
because one body then reads the same on every bus and in a file.

Binary mode has no standard on AMQP 0-9-1. Accepted header prefixes: ``cloudEvents:`` and
``cloudEvents_`` (the AMQP 1.0 binding) and ``ce-`` / ``ce_`` (the NATS, Kafka and HTTP ones).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Any, Literal, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)

from bridge.contracts.decoding import MAX_BYTES, json_object
from bridge.contracts.requests import GpConnectRequest
from bridge.errors import RequestRejected
from bridge.record.dates import rfc3339
from bridge.record.nhs_number import holds_nhs_number, nhs_number_of, plain_nhs_number
from bridge.record.sections import SECTIONS
from bridge.values import dataclass

STRUCTURED = "application/cloudevents+json"
JSON = "application/json"
_HEADER_PREFIXES = ("cloudevents:", "cloudevents_", "ce-", "ce_")
_EVENT_IDS: UUID = uuid5(NAMESPACE_URL, "urn:gpconnect-bridge:event")
_PLAIN_NAME = frozenset("abcdefghijklmnopqrstuvwxyz_")
_ID = re.compile(r"[\x21-\x7e]{1,200}")
_NO_NUMBER = "must not contain an NHS number"
_STATE_HEADERS = frozenset(f"{prefix}tracestate" for prefix in ("", *_HEADER_PREFIXES))
_LONGEST_NAME = 64
_MOST_FAULTS = 20

R = TypeVar("R", bound=GpConnectRequest)


def _as_text(sent: object) -> str | None:
    """A trace is never worth a request: what is of another type is read as text, and then is no context."""
    return sent if sent is None or isinstance(sent, str) else str(sent)


_Lenient = Annotated[str, WithJsonSchema({"type": "string", "maxLength": 512})]
"""What may be longer, and is ignored then."""


class Attributes(BaseModel):
    """CloudEvents context attributes of a request. Unknown extensions are allowed and ignored.

    None of them, and no header or property of the message, may hold an NHS number: a request with ten digits
    there whose check digit is right is rejected, blanks and hyphens ignored. A UUID is never taken for one.
    A ``tracestate`` that holds one is left out instead: what a vendor of tracing writes, no sender knows.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    specversion: Literal["1.0"]
    id: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]
    """With ``source`` unique per request; a request sent again keeps it."""
    source: Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[\x21-\x7e]+$")]
    type: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]
    time: AwareDatetime | None = None
    correlationid: Annotated[str, Field(max_length=200, pattern=r"^[\x21-\x7e]+$")] | None = None
    """Carried unchanged into every event and log line; absent: the request's own id."""
    replayof: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")] | None = None
    """Of a request that asks again for one that failed: the id of that one. Carried into every event."""
    expirytime: AwareDatetime | None = None
    traceparent: Annotated[_Lenient | None, BeforeValidator(_as_text)] = None
    """W3C trace context. Whatever is no such context is ignored."""
    tracestate: Annotated[_Lenient | None, BeforeValidator(_as_text)] = None
    """Goes with ``traceparent`` into every event; over 512 characters, malformed, or with what may be an NHS
    number in it, it is left out."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message whose envelope could be read; `data` is not validated yet.

    Attributes:
        attributes: of the envelope.
        data: what is asked.
        carried: properties and headers of the message beside its body, but for ``tracestate``: the name that
            a fault is told under, and the text.
    """

    attributes: Attributes
    data: Any
    carried: Sequence[tuple[str, str]] = ()

    @property
    def request_id(self) -> str:
        """The sender's id of the request."""
        return self.attributes.id

    @property
    def correlation_id(self) -> str:
        """Joins everything that belongs to one request."""
        return self.attributes.correlationid or self.attributes.id

    def request(self, model: type[R]) -> R:
        """Validate the data as a request.

        Raises:
            RequestRejected: with every field at fault and the rule it breaks.
        """
        try:
            # Strict JSON: a number is no date, "yes" is no boolean, and nothing is guessed.
            request = model.model_validate_json(orjson.dumps(self.data), strict=True)
        except ValidationError as error:
            raise _rejected(error, "data") from None
        asked = request.patient.nhs_number
        outside = [*self._outside()]
        # Nearly always there is none: one look at all of them, and over what is in between no number goes on.
        together = " x ".join([text for _, text in outside])
        if together.isascii() and "%" not in together and not _holds(together, asked):
            return request
        if faults := [(place, _NO_NUMBER) for place, text in outside if _holds(text, asked)]:
            raise _rejection(faults)
        return request

    def vouched_for(self, tracestate: str | None) -> str | None:
        """What a tracing vendor wrote beside the request, unless it may hold an NHS number (JO-033).

        That costs the value and never the request. It is told to nobody.
        """
        if tracestate is None:
            return None
        patient = self.data.get("patient") if isinstance(self.data, dict) else None
        asked = patient.get("nhs_number") if isinstance(patient, dict) else None
        number = nhs_number_of(asked) if isinstance(asked, str) else None
        return None if _holds(tracestate, number) else tracestate

    def _outside(self) -> Iterator[tuple[str, str]]:
        """All that is sent outside the data and goes into headers, logs and the ledger (JO-033)."""
        named = self.attributes
        for name in ("id", "source", "type", "correlationid", "replayof", "traceparent"):
            yield name, getattr(named, name) or ""
        for name, value in (named.model_extra or {}).items():
            yield _plain(name), f"{name}: {value}"
        sent = (named.id, named.correlationid)
        yield from (part for part in self.carried if part[1] not in sent)

    def expires_at(self, request: GpConnectRequest) -> datetime | None:
        """The earlier of the envelope's and the request's own expiry."""
        return min((at for at in (self.attributes.expirytime, request.expires_at) if at), default=None)


def read_envelope(
    body: bytes,
    *,
    message_id: str | None,
    key: str,
    content_type: str | None,
    correlation_id: str | None,
    headers: Mapping[str, str],
    max_bytes: int = MAX_BYTES,
) -> Incoming:
    """Read a message in structured, binary or bare mode.

    Args:
        body: as delivered.
        message_id: the broker's message id, when the sender set one: the request's id in bare mode.
        key: the routing key: the request's type in bare mode.
        content_type: as sent.
        correlation_id: the broker's correlation id, used when the envelope has none.
        headers: application headers.
        max_bytes: the largest body that is read.

    Raises:
        RequestRejected: the body is no JSON object within bounds, or an attribute is missing or malformed.
    """
    content = json_object(body, max_bytes=max_bytes)
    binary = _binary_attributes(headers)
    structured = (content_type or "").startswith(STRUCTURED) or "specversion" in content
    attributes: dict[str, Any]
    if structured:
        data = content.pop("data", None)
        attributes = content
    elif binary:
        data, attributes = content, binary
    elif message_id is None:
        # Made from the body, the id of a question would be that of the same question a year later.
        raise RequestRejected("message id", "is required of a request without an envelope: new each time")
    else:
        data = content
        attributes = {"specversion": "1.0", "id": message_id, "source": "amqp", "type": key}
    if correlation_id and not attributes.get("correlationid"):
        attributes["correlationid"] = correlation_id
    carried = [
        ("message_id", message_id or ""),
        ("routing key", key),
        ("content_type", content_type or ""),
        ("correlation_id", correlation_id or ""),
        *(
            (f"headers.{_plain_header(name)}", f"{name}: {value}")
            for name, value in headers.items()
            if name.casefold() not in _STATE_HEADERS
        ),
    ]
    try:
        read = Attributes.model_validate_json(orjson.dumps(attributes), strict=True)
        return Incoming(read, data, carried)
    except orjson.JSONEncodeError:
        raise RequestRejected("headers", "must be text in UTF-8") from None
    except ValidationError as error:
        raise _rejected(error) from None


def _holds(text: str, asked: str | None) -> bool:
    # The number that is asked about is found wherever it stands; of others, see `holds_nhs_number`.
    return holds_nhs_number(text) or (asked is not None and asked in plain_nhs_number(text))


def opaque_id(sent: str, *, is_refused: bool = False) -> str:
    """An id that is safe to pass on: as sent, or its hash when it is no id or may hold an NHS number.

    Args:
        sent: the id.
        is_refused: the request was rejected for it.
    """
    if not is_refused and _ID.fullmatch(sent) and not holds_nhs_number(sent):
        return sent
    return sha256(sent.encode("utf-8", "surrogatepass")).hexdigest()


@lru_cache(maxsize=256)  # each is asked for by whoever names the event, and where it is written
def event_id(request_id: str, kind: str, snapshot_id: str) -> str:
    """The id of an event about a request: a repeat of the same answer has the same id.

    Args:
        request_id: the request's source and id together (`Context.request_id`): two senders may use one id,
            and whoever removes repeats by event id must lose neither answer.
        kind: e.g. ``medications.published.v1``.
        snapshot_id: what the event tells of; empty for events that carry no record.
    """
    return str(uuid5(_EVENT_IDS, f"{request_id}|{kind}|{snapshot_id}"))


@dataclass(frozen=True, slots=True)
class EventStyle:
    """How this installation names its events (settings ``BRIDGE_EVENTS_*``)."""

    type_prefix: str
    source: str
    schema_base: str | None = None


def event_attributes(
    style: EventStyle,
    kind: str,
    *,
    id: str,  # noqa: A002 - the attribute's own name
    subject: str,
    extensions: Mapping[str, str | None],
    media_type: str,
) -> dict[str, Any]:
    """The CloudEvents attributes of an event, in the order in which they are written.

    `subject` and every attribute are opaque: the NHS number stands inside ``data`` only.

    Args:
        style: how this installation names its events.
        kind: last part of the type.
        id: of the event.
        subject: what it is about.
        extensions: further attributes; those that are None are left out.
        media_type: of the data. JSON has a schema, named after its kind, where the site says where they are.
    """
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": id,
        "source": style.source,
        "type": f"{style.type_prefix}.{kind}",
        "subject": subject,
        "time": rfc3339(datetime.now(UTC)),
        "datacontenttype": media_type,
    }
    if style.schema_base and media_type == JSON:
        attributes["dataschema"] = f"{style.schema_base.rstrip('/')}/{kind}.json"
    return attributes | {name: value for name, value in extensions.items() if value is not None}


def _binary_attributes(headers: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for name, value in headers.items():
        folded = name.casefold()
        for prefix in _HEADER_PREFIXES:
            if folded.startswith(prefix):
                found[folded.removeprefix(prefix)] = value
    return found


def faults_of(error: ValidationError, *root: str) -> list[tuple[str, str]]:
    """Each field at fault and the rule it breaks; never a value, and no name that a sender made up."""
    return [
        (
            ".".join((*root, *(_plain(part) for part in fault["loc"]))) or "data",
            fault["msg"].removeprefix("Value error, "),
        )
        for fault in error.errors(include_input=False, include_url=False, include_context=False)
    ]


def _rejected(error: ValidationError, *root: str) -> RequestRejected:
    return _rejection(faults_of(error, *root))


def _rejection(faults: list[tuple[str, str]]) -> RequestRejected:
    if len(faults) > _MOST_FAULTS:
        # The list goes into an event and a log line: a message must not decide how long they are.
        faults[_MOST_FAULTS:] = [("body", f"has {len(faults) - _MOST_FAULTS} more faults")]
    (field, rule), *more = faults
    return RequestRejected(field, rule, more=more)


def _plain(part: str | int) -> str:
    # A sender's invented field name could itself be patient data, so only plain names are repeated.
    if isinstance(part, int) or part in SECTIONS:
        return str(part)
    if len(part) <= _LONGEST_NAME and set(part) <= _PLAIN_NAME:
        return part
    return "(unknown field)"


def _plain_header(name: str) -> str:
    """Header names come with hyphens, and in any case."""
    return _plain(name.casefold().replace("-", "_")).replace("_", "-")
