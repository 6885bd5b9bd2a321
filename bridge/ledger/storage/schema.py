"""Brings the database to the schema of this version of the code, before anything else uses it.

Alembic is loaded where there is something to migrate: it takes a tenth of a worker's memory.
"""

import logging
import pkgutil
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import ProgrammingError

from bridge.errors import Misconfigured
from bridge.ledger.errors import NoLedger
from bridge.ledger.migrations import versions
from bridge.ledger.storage.indexes import make_at_once

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE: Final = "ledger_version"
_LOCK: Final = 0x6770_6C65_6467_6572
"""Names the advisory lock that workers that start together wait on (the ASCII of ``gpledger``)."""
_NO_PRIVILEGE: Final = "42501"
"""SQLSTATE: insufficient privilege."""

# Its lines about every step belong to whoever runs it by hand.
logging.getLogger("alembic").setLevel(logging.WARNING)


def upgrade(connection: Connection) -> None:
    """A step: migrate to the newest schema, one process at a time.

    Raises:
        Misconfigured: the database was migrated by a newer version of the software, or our role may not.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if _known(connection) == {revisions()[-1]}:
        return
    from alembic import command  # noqa: PLC0415 - see above

    config = configuration()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
        make_at_once(connection)
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _NO_PRIVILEGE:
            raise
        raise Misconfigured(
            "BRIDGE_LEDGER_URL: its role may not migrate the ledger: run bridge ledger upgrade as the one "
            "that owns it"
        ) from None


def look(connection: Connection) -> None:
    """A step: whether this software can read what is there; changes nothing.

    Raises:
        NoLedger: there is nothing.
        Misconfigured: the database was migrated by a newer version of the software.
    """
    if not _known(connection):
        raise NoLedger("the database holds no ledger")


def _known(connection: Connection) -> set[str]:
    """The migration that the database is at; none when it holds no ledger."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return set()
    found = set(connection.scalars(text(f"SELECT version_num FROM {VERSION_TABLE}")))  # noqa: S608 - our own name
    unknown = found - set(revisions())
    if unknown:
        raise Misconfigured(
            f"the ledger's schema is of version {', '.join(sorted(unknown))}, which this software does not "
            "know: run the version that made it, or a newer one"
        )
    return found


def pending(connection: Connection) -> list[str]:
    """A step: the migrations of this version that have not been run, oldest first.

    Raises:
        Misconfigured: the database was migrated by a newer version of the software.
    """
    last = max(_known(connection), default="")
    return [revision for revision in revisions() if revision > last]


def revisions() -> list[str]:
    """Every migration of this version, oldest first: each is the first part of its module's name."""
    return sorted(module.name.partition("_")[0] for module in pkgutil.iter_modules(versions.__path__))


def configuration() -> "Config":
    """Alembic's configuration; there is no file of it."""
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", "bridge.ledger:migrations")
    config.attributes["version_table"] = VERSION_TABLE
    return config
