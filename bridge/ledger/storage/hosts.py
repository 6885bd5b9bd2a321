"""Which of several PostgreSQL servers a connection is made to: the one that takes writes.

The driver knows such URLs too, but it goes through the servers in the order in which they stand there and has
one time limit for all of them: a first one that swallows everything would keep us from the second for ever.
"""

import asyncio
import os
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qs

import asyncpg  # type: ignore[import-untyped]  # ships no types

from bridge.addresses import NodeOrder, each_address, place_of
from bridge.ledger.access import DatabaseAccess, refusal
from bridge.ledger.errors import LedgerUnavailable
from bridge.observe import record
from bridge.observe.causes import cause_of
from bridge.observe.vocabulary.ledger import DatabasePassedOver

_ALONE: Final = 5.0
_EACH: Final = 3.0
"""Seconds that a server has to take a connection, when it is the only one, and when there are others."""


class AnyServer:
    """Connects to one server after the other until one may be used.

    Args:
        url: as libpq reads it. Of several servers that which takes writes is meant, unless
            ``target_session_attrs`` says otherwise.
        access: what the settings say of certificates and passwords.
        read_only: our own sessions are read-only, so that ``read-write`` would refuse every server.

    Raises:
        Misconfigured: an address cannot be read.
    """

    def __init__(self, url: str, access: DatabaseAccess, *, read_only: bool) -> None:
        self._access = access
        self._urls = each_address(url, "BRIDGE_LEDGER_URL")
        parameters = parse_qs(url.partition("?")[2])
        several = len(self._urls) > 1 or "," in parameters.get("host", [""])[-1]
        wanted = parameters.get("target_session_attrs", [os.environ.get("PGTARGETSESSIONATTRS")])[-1]
        if wanted is None and several:
            wanted = "read-write"
        self._wanted = "primary" if read_only and wanted == "read-write" else wanted
        self._preference: NodeOrder[str] = NodeOrder()

    async def connect(self, **options: Any) -> Any:  # the driver's is generic over its record type
        """A connection of the driver.

        Raises:
            asyncpg.PostgresError, asyncpg.InterfaceError, OSError: no server can be used; what a server said
                goes before one that was not to be reached.
            LedgerUnavailable: ``no_writable_server``: servers answer, and none takes writes.
        """
        urls = self._preference.order(self._urls)
        patience = _ALONE if len(urls) == 1 else _EACH
        passed_over: dict[str, Exception] = {}
        for url in urls:
            try:
                connection = await asyncpg.connect(
                    url,
                    timeout=patience,
                    target_session_attrs=self._wanted,
                    **self._access.options(),
                    **options,
                )
            except (OSError, asyncpg.PostgresError, asyncpg.TargetServerAttributeNotMatched) as error:
                self._preference.failed(url)
                passed_over[url] = error
            else:
                self._preference.works(url)
                _tell(passed_over)
                return connection
        most_telling = min(passed_over.values(), key=_rank)
        if isinstance(most_telling, asyncpg.TargetServerAttributeNotMatched):
            raise LedgerUnavailable("no_writable_server") from None
        raise most_telling


async def each_server(url: str, access: DatabaseAccess) -> Sequence[tuple[str, str, bool]]:
    """Of each server that a URL names: where it is, what it is or why it is away, and whether it is there.

    Raises:
        Misconfigured: an address cannot be read.
    """
    return await asyncio.gather(*(_look_at(one, access) for one in each_address(url, "BRIDGE_LEDGER_URL")))


async def _look_at(url: str, access: DatabaseAccess) -> tuple[str, str, bool]:
    try:
        connection = await asyncpg.connect(url, timeout=_EACH, target_session_attrs="any", **access.options())
        try:
            is_standby = await connection.fetchval("SELECT pg_is_in_recovery()", timeout=_EACH)
        finally:
            connection.terminate()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return place_of(url), f"away: {_code(error)}", False
    return place_of(url), "standby" if is_standby else "takes writes", True


def _rank(error: Exception) -> int:
    """What tells most of why there is no connection comes first."""
    if isinstance(error, asyncpg.PostgresError) or refusal(error):
        return 0
    return 1 if isinstance(error, asyncpg.TargetServerAttributeNotMatched) else 2


def _tell(passed_over: dict[str, Exception]) -> None:
    for url, error in passed_over.items():
        if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
            continue  # a standby, as there should be one
        record(DatabasePassedOver(place_of(url), _code(error)))


def _code(error: Exception) -> str:
    cause = cause_of(error)
    return getattr(error, "sqlstate", None) or (cause.code if cause else type(error).__name__)
