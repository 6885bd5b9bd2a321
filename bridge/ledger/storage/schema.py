"""Brings the database to the schema of this version of the code, before anything else uses it."""

import logging
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from bridge.errors import Misconfigured
from bridge.ledger.errors import NoLedger
from bridge.ledger.storage.indexes import make_at_once

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
    config = configuration()
    scripts = ScriptDirectory.from_config(config)
    if _known(connection, scripts) == set(scripts.get_heads()):
        return
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
    if not _known(connection, ScriptDirectory.from_config(configuration())):
        raise NoLedger("the database holds no ledger")


def _known(connection: Connection, scripts: ScriptDirectory) -> set[str]:
    found = set(
        MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_heads()
    )
    unknown = found - {script.revision for script in scripts.walk_revisions()}
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
    scripts = ScriptDirectory.from_config(configuration())
    done = {
        script.revision
        for head in _known(connection, scripts)
        for script in scripts.iterate_revisions(head, "base")
    }
    return [revision for revision in revisions() if revision not in done]


def revisions() -> list[str]:
    """Every migration of this version, oldest first."""
    scripts = ScriptDirectory.from_config(configuration())
    return [script.revision for script in scripts.walk_revisions()][::-1]


def configuration() -> Config:
    """Alembic's configuration; there is no file of it."""
    config = Config()
    config.set_main_option("script_location", "bridge.ledger:migrations")
    config.attributes["version_table"] = VERSION_TABLE
    return config
