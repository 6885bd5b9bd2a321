"""Rows that a transaction leaves to its end: all of them are written, by few statements."""

from typing import Any

from sqlalchemy import Column, Integer, MetaData, Table, create_engine, func, select

from bridge.ledger.storage.group_commit import add_rows, group_commit

ROWS = Table("rows", MetaData(), Column("id", Integer, primary_key=True), Column("held", Integer))
MOST = 100


def test_however_many_rows_there_are_sqlite_has_few_statements_to_keep():
    with create_engine("sqlite://").connect() as connection:
        ROWS.create(connection)
        said: set[str] = set()
        driver: Any = connection.connection.driver_connection
        driver.set_trace_callback(said.add)
        for count in range(1, MOST + 1):
            with group_commit(connection):
                add_rows(connection, ROWS, [{"held": 7}] * count, skip_known=False)
        inserts = [each for each in said if each.startswith("INSERT")]
        assert connection.scalar(select(func.count()).select_from(ROWS)) == MOST * (MOST + 1) // 2
    assert len(inserts) <= 10
