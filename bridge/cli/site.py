"""What an operator's commands work on: the bus, the ledger and the trail of this installation; who asks."""

import getpass
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import typer

from bridge.bus import open_bus
from bridge.bus.port import Bus
from bridge.errors import BridgeError
from bridge.ledger import Ledger, RequestHistory, open_ledger
from bridge.ledger.audit.trail import Actor, AuditTrail
from bridge.ledger.keys import open_keys
from bridge.ledger.opening import open_store
from bridge.ledger.storage.dead_letter_jobs import Jobs
from bridge.ledger.storage.lookup import request_keys
from bridge.ledger.vault.aes_gcm import AesGcmSealer
from bridge.ledger.vault.vault import Vault
from bridge.observe import configure_logging
from bridge.operations.dead_letter_jobs import Queues
from bridge.pipelines.installed import installed_pipelines
from bridge.settings import Settings

_OPERATOR = "Operator"


class NotThere(BridgeError):  # noqa: N818 - what is the case
    """What was asked for is not there; the text says why in one line."""


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that is written down, opened."""

    ledger: Ledger
    trail: AuditTrail
    vault: Vault
    jobs: Jobs


def load_settings() -> Settings:
    """The settings, with logs that leave the terminal to the command."""
    settings = Settings.load()
    configure_logging("warning", settings.log.format)
    return settings


@asynccontextmanager
async def open_books(settings: Settings) -> AsyncIterator[Books]:
    """The ledger of this installation with its trail, vault and jobs.

    Raises:
        Misconfigured: the database or a key ring cannot be used.
        LedgerUnavailable: the database cannot be reached now.
    """
    keys = open_keys(settings)
    sealer = AesGcmSealer(keys.vault)
    async with open_ledger(settings, sealer) as ledger:
        trail = AuditTrail(ledger.store, keys.audit, sealer, requests_kept_for=_kept_for(settings))
        await trail.prepare()
        yield Books(
            ledger,
            trail,
            Vault(ledger.store, sealer, keep_answers=timedelta(days=settings.vault.keep_answers_days)),
            Jobs(ledger.store, lease=timedelta(seconds=settings.ledger.lease_seconds)),
        )


@asynccontextmanager
async def reading_trail(settings: Settings) -> AsyncIterator[AuditTrail]:
    """The audit trail as it is: nothing is begun, migrated or changed.

    Raises:
        NoLedger: there is none yet.
        Misconfigured, LedgerUnavailable: as `open_books`.
    """
    keys = open_keys(settings)
    async with open_store(settings, read_only=True) as store:
        sealer = AesGcmSealer(keys.vault)
        yield AuditTrail(store, keys.audit, sealer, requests_kept_for=_kept_for(settings))


def _kept_for(settings: Settings) -> timedelta:
    return timedelta(days=settings.ledger.keep_metadata_days)


@asynccontextmanager
async def open_queues(settings: Settings, pipelines: Sequence[str] = ()) -> AsyncIterator[tuple[Bus, Queues]]:
    """The bus, and the declared queues of these pipelines (all that are installed, when none is named).

    Raises:
        Misconfigured: a pipeline is unknown, or the bus cannot be used.
    """
    queues = {
        pipeline.name: pipeline.queue(settings.bus.prefix) for pipeline in installed_pipelines(pipelines)
    }
    async with open_bus(settings, join=True) as bus:
        for queue in queues.values():
            await bus.declare(queue)
        yield bus, queues


async def known_request(books: Books, request: str) -> RequestHistory:
    """What the ledger knows of the request that an operator names.

    Raises:
        NotThere: none is meant, or several are.
    """
    keys = await request_keys(books.ledger.store, request)
    if len(keys) > 1:
        raise NotThere(f"several requests have this id; name one by its key: {'; '.join(keys)}")
    history = await books.ledger.request(keys[0]) if keys else None
    if history is None:
        raise NotThere("the ledger does not know this request")
    return history


def os_user() -> str:
    """Who runs the command, as the operating system knows them."""
    return getpass.getuser()


def operator(settings: Settings, name: str | None, *, user: str | None = None) -> Actor:
    """Who acts, for the audit trail: the OS user, by the name that was given."""
    user = user or os_user()
    organisation = next(iter(settings.consumer.organisations), "")
    return Actor(user_id=user, name=name or user, role=_OPERATOR, organisation=organisation)


def moment(text: str | None, option: str) -> datetime | None:
    """A day or a moment as ISO 8601; without a zone it is UTC.

    Raises:
        typer.BadParameter: it is neither.
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("is no ISO 8601 date or time", param_hint=option) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def print_json(content: Any, *, indent: bool = True) -> None:
    """One JSON document, or one line, on standard output."""
    option = orjson.OPT_APPEND_NEWLINE | (orjson.OPT_INDENT_2 if indent else 0)
    sys.stdout.buffer.write(orjson.dumps(content, option=option))
    sys.stdout.flush()
