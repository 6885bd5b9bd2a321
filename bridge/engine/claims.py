"""Claim checks: what is too large for the bus carries a reference, and consumers fetch its data.

The data waits in the vault, sealed, under a random id. Whoever fetches it presents a credential of its own,
never one that travels with the event (`bridge.engine.http.claims`): an event in a log or a dead letter opens
nothing.
"""

from base64 import b64decode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from bridge.contracts.envelope import JSON, STRUCTURED
from bridge.engine.journal.claim_checks import ClaimCheckJournal
from bridge.engine.rendering import OutgoingMessage
from bridge.ledger import StoredEvent
from bridge.record.dates import rfc3339
from bridge.settings import ClaimsSettings
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class ClaimChecks:
    """Takes the data out of messages that are too large, and leaves it in the vault."""

    journal: ClaimCheckJournal
    settings: ClaimsSettings

    async def check_in(self, request_key: str, messages: Sequence[OutgoingMessage]) -> list[StoredEvent]:
        """These messages, the large ones with a reference; returns when their data is durable.

        Raises:
            LedgerUnavailable: it cannot be kept now.
        """
        if self.settings.url is None:
            return [message.stored for message in messages]
        return [
            await self._check_in(request_key, message, self.settings.url)
            if len(message.rendered.body) > self.settings.above_bytes
            else message.stored
            for message in messages
        ]

    async def _check_in(self, request_key: str, message: OutgoingMessage, url: str) -> StoredEvent:
        envelope, data, media_type = _unwrapped(message)
        expires_at = datetime.now(UTC) + timedelta(days=self.settings.keep_days)
        check = await self.journal.check_in(request_key, data, media_type, expires_at)
        envelope |= {
            "dataref": f"{url.rstrip('/')}/claims/{check.id}",
            "datahash": f"sha256:{check.sha256}",
            "datasize": check.size,
            "dataexpiry": rfc3339(expires_at),
        }
        rendered = message.rendered
        return StoredEvent(rendered.id, rendered.topic, orjson.dumps(envelope), STRUCTURED)


def _unwrapped(message: OutgoingMessage) -> tuple[dict[str, Any], bytes, str]:
    """The CloudEvent that a reference travels in, what it refers to, and of which media type that is."""
    rendered = message.rendered
    if rendered.media_type == STRUCTURED:
        envelope: dict[str, Any] = orjson.loads(rendered.body)
        media_type = envelope.get("datacontenttype", JSON)
        if "data_base64" in envelope:
            return envelope, b64decode(envelope.pop("data_base64")), media_type
        return envelope, orjson.dumps(envelope.pop("data")), media_type
    envelope = message.event.attributes(rendered.topic, media_type=rendered.media_type)
    return envelope | {"id": rendered.id}, rendered.body, rendered.media_type
