"""What an operator's commands share: settings, who runs them, running an operation, moments, and JSON."""

import asyncio
import getpass
import re
import shutil
import sys
import textwrap
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import orjson
import typer

from bridge.cli.exits import Exit
from bridge.observe import configure_logging
from bridge.operations import audit, site
from bridge.operations.reasons import ReasonMissing
from bridge.operations.site import Actor, Queues, Stores, open_queues, open_stores
from bridge.record.nhs_number import nhs_number_of
from bridge.settings import Settings

T = TypeVar("T")

_AGO: Final = re.compile(r"(\d{1,6})([mhd])", re.ASCII)
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_NARROWEST: Final = 40


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
    """A day or a moment as ISO 8601, without a zone in UTC; or how long ago, such as ``12h``.

    Raises:
        typer.BadParameter: it is none of these.
    """
    if text is None:
        return None
    try:
        if ago := _AGO.fullmatch(text):
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        told = "is no ISO 8601 date or time, and no time such as 90m, 12h or 7d"
        raise typer.BadParameter(told, param_hint=option) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def patient_key(settings: Settings) -> str:
    """The key of the patient whose NHS number is typed at a prompt, or comes on standard input.

    It is no argument of a command: those everybody on the machine can see, and the shell keeps them (JO-033).

    Raises:
        typer.Exit: it is none.
        Misconfigured: this installation has no key for patients.
    """
    keys = audit.patient_keys(settings)
    if sys.stdin.isatty():
        typed = typer.prompt("NHS number (not shown)", hide_input=True, err=True)
    else:
        typed = sys.stdin.readline()
    nhs_number = nhs_number_of(typed)
    if nhs_number is None:
        typer.echo("standard input: is no NHS number", err=True)
        raise typer.Exit(Exit.UNREADABLE)
    return keys.of(nhs_number)


def width() -> int:
    """Columns of the terminal; of none, 80."""
    return max(_NARROWEST, shutil.get_terminal_size().columns)


def wrapped(text: str, *, width: int, indent: str = "") -> str:
    """Text in lines of this width; a word that is longer stands whole."""
    return textwrap.fill(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def print_json(content: Any, *, indent: bool = True) -> None:
    """One JSON document, or one line, on standard output."""
    option = orjson.OPT_APPEND_NEWLINE | (orjson.OPT_INDENT_2 if indent else 0)
    sys.stdout.buffer.write(orjson.dumps(content, option=option))
    sys.stdout.flush()
