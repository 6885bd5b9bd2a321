"""The switch that stops automated retries, as an operator sets it (`bridge.engine.kill_switch`).

It is a file: whoever sets it from another machine than the workers' needs it on storage that they share.
"""

from pathlib import Path

from bridge.engine.kill_switch import switch_file
from bridge.ledger.audit.trail import Actor, Entry
from bridge.operations import reasons
from bridge.operations.audited import audited
from bridge.operations.errors import OperationRefused
from bridge.operations.site import Stores
from bridge.settings import Settings
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class RetryStop:
    """How the switch stands.

    Attributes:
        file: where it is looked for.
        is_set: whether it stops anything.
        pipelines: whose retries it stops; empty: of all.
    """

    file: Path
    is_set: bool
    pipelines: tuple[str, ...] = ()


def look(settings: Settings) -> RetryStop:
    """How the switch stands now."""
    file = switch_file(settings)
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return RetryStop(file, is_set=False)
    except OSError:
        return RetryStop(file, is_set=True)
    return RetryStop(file, is_set=True, pipelines=tuple(filter(None, map(str.strip, text.splitlines()))))


async def stop(stores: Stores, *, actor: Actor, reason: str) -> None:
    """Stop the retries of all pipelines from now on.

    Raises:
        ReasonMissing: the reason is blank.
        OperationRefused: the file cannot be written.
    """
    file = switch_file(stores.settings)
    async with audited(stores.trail, _entry("retries.stopped", actor, reason)):
        try:
            file.write_text("", encoding="utf-8")
        except OSError as error:
            raise OperationRefused(f"the switch cannot be set: {file.name}: {error.strerror}") from None


async def allow(stores: Stores, *, actor: Actor, reason: str) -> None:
    """Take the switch away: retries are made again.

    Raises:
        ReasonMissing: the reason is blank.
        OperationRefused: the file cannot be taken away.
    """
    file = switch_file(stores.settings)
    async with audited(stores.trail, _entry("retries.allowed", actor, reason)):
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            why = f"{file.name}: {error.strerror}"
            raise OperationRefused(f"the switch cannot be taken away: {why}") from None


def _entry(event: str, actor: Actor, reason: str) -> Entry:
    facts = {"reason": reasons.given(reason)}
    return Entry(event=event, outcome="completed", actor=actor, facts=facts)
