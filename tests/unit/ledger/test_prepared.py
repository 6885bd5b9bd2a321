"""Statements compiled once write what SQLAlchemy would have written."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, bindparam, create_engine, insert, select, text

from bridge.ledger.storage.metadata import Instant
from bridge.ledger.storage.prepared import Prepared

EVERY_ZONE = st.timedeltas(timedelta(hours=-14), timedelta(hours=14)).map(timezone)
# A day from the ends of what a datetime holds, because each is written as UTC.
FIRST, LAST = datetime(1, 1, 2), datetime(9999, 12, 30)  # noqa: DTZ001 - hypothesis adds the zone
MOMENTS = st.datetimes(FIRST, LAST, timezones=EVERY_ZONE)
TIMES = Table(
    "times",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("at", Instant),
    Column("also", Instant),
)
AS_STORED = text("SELECT at, also FROM times ORDER BY id")


@given(MOMENTS)
def test_a_moment_is_stored_as_every_other_statement_stores_it(moment: datetime):
    # Moments are compared as text on SQLite: one in another form would never be due, or always.
    values = {"at": moment, "also": None}
    with create_engine("sqlite://").connect() as connection:
        TIMES.create(connection)
        connection.execute(insert(TIMES), values)
        Prepared(insert(TIMES)).run(connection, values)
        first, second = connection.execute(AS_STORED).all()
        read = connection.scalars(select(TIMES.c.at)).all()
    assert first == second
    assert read == [moment.astimezone(UTC)] * 2


def test_values_of_the_statement_itself_stand_beside_those_given():
    of_one = Prepared(select(TIMES.c.id).where(TIMES.c.id == bindparam("wanted")).limit(1))
    with create_engine("sqlite://").connect() as connection:
        TIMES.create(connection)
        connection.execute(insert(TIMES), [{"id": number} for number in range(1, 4)])
        found = [of_one.run(connection, {"wanted": number}).rows for number in (2, 3, 9)]
    assert found == [[{"id": 2}], [{"id": 3}], []]
