"""What an operator's commands share: settings, who runs them, running an operation, moments, and JSON."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
import typer

from bridge.observe import configure_logging
from bridge.operations import site
from bridge.operations.reasons import ReasonMissing
from bridge.operations.site import Actor, Queues, Stores, open_queues, open_stores
from bridge.settings import Settings

T = TypeVar("T")


def load_settings() -> Settings:
    """The settings, with logs that leave the terminal to the command."""
    settings = Settings.load()
    configure_logging("warning", settings.log.format)
    return settings


def os_user() -> str:
    """Who runs the command, as the operating system knows them."""
    return getpass.getuser()


def operator(settings: Settings, name: str | None) -> Actor:
    """Who acts, for the audit trail: the OS user, by the name that was given."""
    return site.operator(settings, os_user(), name)


@contextmanager
def reason_option() -> Iterator[None]:
    """Tells of a reason that is missing by the option that takes it."""
    try:
        yield
    except ReasonMissing as fault:
        raise typer.BadParameter(str(fault), param_hint="--reason") from None


def with_stores(settings: Settings, operation: Callable[[Stores], Awaitable[T]]) -> T:
    """What an operation on the stores of this installation comes to."""

    async def run() -> T:
        async with open_stores(settings) as stores:
            return await operation(stores)

    with reason_option():
        return asyncio.run(run())


def with_queues(
    settings: Settings, pipelines: Sequence[str], operation: Callable[[Queues], Awaitable[T]]
) -> T:
    """The same of one on the queues of these pipelines, or of all."""

    async def run() -> T:
        async with open_queues(settings, pipelines) as queues:
            return await operation(queues)

    return asyncio.run(run())


def with_stores_and_queues(
    settings: Settings, pipelines: Sequence[str], operation: Callable[[Stores, Queues], Awaitable[T]]
) -> T:
    """The same of one on both."""

    async def run() -> T:
        async with open_stores(settings) as stores, open_queues(settings, pipelines) as queues:
            return await operation(stores, queues)

    return asyncio.run(run())


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
