"""A rendered HL7 v2 message as it is published: a CloudEvent with it in ``data_base64``, or a claim check."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import Any, Final

from bridge.bus.port import Delivery, QueueSpec
from bridge.contracts.decoding import json_object
from bridge.errors import RequestRejected
from bridge.ledger import request_key
from bridge.observe.trace_context import TRACEPARENT, TRACESTATE, SpanContext, read_trace
from bridge.values import dataclass

HL7V2_DELIVERY: Final = "hl7v2_delivery"
"""The pipeline that sends them, as the ledger, the log and figures name it."""
MEDIA_TYPE: Final = "x-application/hl7-v2+er7"
_TOPICS: Final = "*.rendered.hl7v2.v1"
_LARGEST: Final = 64 * 1024 * 1024
"""Bytes of a message on the bus; brokers have their own limits below."""
_LONGEST: Final = 300


def delivery_queue(prefix: str) -> QueueSpec:
    """The queue of rendered HL7 v2 messages, for a site's prefix."""
    return QueueSpec(f"{prefix}.{HL7V2_DELIVERY}", topics=(_TOPICS,), in_order=True)


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """What is to be sent to the peer.

    Attributes:
        request_key: of the event, by which a repeat is known: its source and id.
        id: of the event.
        topic: where it was published, ``allergies.rendered.hl7v2.v1``.
        patient_key: whose messages are sent one after the other.
        correlation_id: of the request that asked for the record.
        published_at: when it was rendered; None when the event does not say.
        snapshot_at: when the practice's answer came of which it is the whole list; None of a report.
        trace: of the request; None when the event does not say.
        er7: the message; None when it waits in the vault.
        claim_id: under which it does.
    """

    request_key: str
    id: str
    topic: str
    patient_key: str
    correlation_id: str
    published_at: datetime | None
    snapshot_at: datetime | None
    trace: SpanContext | None
    er7: bytes | None = field(repr=False)
    claim_id: str | None


def read_rendered(delivery: Delivery) -> RenderedMessage:
    """The message of a delivery.

    Raises:
        RequestRejected: it is none; the text names the attribute and the rule.
    """
    event = json_object(delivery.body, max_bytes=_LARGEST)
    if event.get("datacontenttype") != MEDIA_TYPE:
        raise RequestRejected("datacontenttype", f"must be {MEDIA_TYPE}")
    source, event_id = _text(event, "source"), _text(event, "id")
    reference = event.get("dataref")
    return RenderedMessage(
        request_key=request_key(source, event_id),
        id=event_id,
        topic=delivery.key,
        patient_key=_text(event, "patientkey"),
        correlation_id=_text(event, "correlationid") if "correlationid" in event else event_id,
        published_at=_moment(event.get("time")),
        snapshot_at=_moment(event.get("snapshotat")),
        trace=_trace(event),
        er7=None if reference else _bytes(event),
        claim_id=_text(event, "dataref").rpartition("/")[2] if reference else None,
    )


def _text(event: Mapping[str, Any], name: str) -> str:
    found = event.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= _LONGEST or not found.isprintable():
        raise RequestRejected(name, f"must be printable text of at most {_LONGEST} characters")
    return found


def _bytes(event: Mapping[str, Any]) -> bytes:
    found = event.get("data_base64")
    try:
        return b64decode(found if isinstance(found, str) else "\n", validate=True)
    except (binascii.Error, ValueError):
        raise RequestRejected("data_base64", "must be the message, in base64") from None


def _trace(event: Mapping[str, Any]) -> SpanContext | None:
    parent, state = event.get(TRACEPARENT), event.get(TRACESTATE)
    if not isinstance(parent, str):
        return None
    return read_trace(parent, state if isinstance(state, str) else None)


def _moment(sent: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(sent) if isinstance(sent, str) else None
    except ValueError:
        return None
    return found.astimezone(UTC) if found is not None and found.tzinfo else None
