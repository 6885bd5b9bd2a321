"""The page of information governance leaves out no column of the ledger, no secret, no retention and no right."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from bridge.assurance.information_governance import (
    RIGHTS,
    SECRETS,
    retention_settings,
    secret_settings,
    stored_tables,
    write,
)
from bridge.console.rights import MAY, Role
from bridge.ledger.storage.schema import upgrade
from tests.assurance.test_pack import facts

TABLES = {table.name: table for table in stored_tables()}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """The columns that a migrated ledger has, with their types, by table."""
    file = tmp_path_factory.mktemp("ledger") / "ledger.db"
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        upgrade(connection)
    engine.dispose()
    found = sqlite3.connect(file)
    names = [name for (name,) in found.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    columns = {
        name: {row[1]: row[2] for row in found.execute(f"PRAGMA table_info({name})")} for name in names
    }
    found.close()
    return columns


def test_every_column_of_the_ledger_is_described_once(database):
    described = {name: sorted(column for _, column in table.columns) for name, table in TABLES.items()}
    assert described == {name: sorted(columns) for name, columns in database.items()}


def test_whatever_is_sealed_is_called_so_and_nothing_else_is(database):
    binary = {
        (name, column)
        for name, columns in database.items()
        for column in columns
        if columns[column] == "BLOB"
    }
    codes = {
        ("audit_entries", "previous"),
        ("audit_entries", "mac"),
        ("audit_heads", "mac"),
        ("audit_heads", "seal"),
    }
    assert binary - codes == {(name, column) for name, table in TABLES.items() for column in table.sealed}


def test_how_long_something_is_kept_is_a_setting_that_there_is():
    known = {setting.name for setting in retention_settings()}
    named = {until for table in TABLES.values() for _, until in table.kept if until.startswith("BRIDGE_")}
    assert named == {name for name in known if "MINUTES" not in name}


def test_every_setting_that_holds_a_secret_is_explained():
    assert set(secret_settings()) == set(SECRETS)
    assert {"BRIDGE_PATIENT_KEY", "BRIDGE_VAULT_KEYS_FILE", "BRIDGE_BUS_URL"} <= set(SECRETS)
    assert "BRIDGE_SPINE_CA_FILE" not in SECRETS


def test_the_rights_are_those_of_the_console():
    said = {
        right: frozenset(Role) if roles.startswith("everybody") else frozenset(roles.split(", "))
        for right, (_, roles) in RIGHTS.items()
    }
    assert said == {right.value: roles for right, roles in MAY.items()}


def test_the_page_has_every_table_column_secret_and_retention(tmp_path: Path):
    summary = write(tmp_path, facts())
    text = (tmp_path / "information-governance.md").read_text(encoding="utf-8")
    for name, table in TABLES.items():
        assert all(f"| `{name}` | `{column}` |" in text for _, column in table.columns)
    assert all(f"| `{name}` |" in text for name in SECRETS)
    assert "| `BRIDGE_LEDGER_KEEP_METADATA_DAYS` | 2920 days |" in text
    assert summary.theirs
    assert summary.open
    page = (tmp_path / "information-governance.html").read_text(encoding="utf-8")
    assert '<td data-label="Column"><code>patient_key</code></td>' in page
