"""What a statement says of a state is, to the letter, the condition of the index that answers it."""

import pytest
from sqlalchemy import ColumnElement, Index, TextClause, create_engine, or_, select

from bridge.ledger.storage.dialects import DIALECTS
from bridge.ledger.storage.tables import IS_OPEN, IS_UNSUCCESSFUL, requests

_WORDS = {
    "sqlite": {
        "ix_requests_open": "(state IN ('in_flight', 'waiting') OR state = 'in_doubt')",
        "ix_requests_unsuccessful": "(state IN ('failed', 'rejected') OR state = 'in_doubt')",
    },
    "postgresql": {
        "ix_requests_open": "state IN ('in_flight', 'waiting', 'in_doubt')",
        "ix_requests_unsuccessful": "state IN ('failed', 'rejected', 'in_doubt')",
    },
}


def _index(name: str) -> Index:
    return next(each for each in requests.indexes if each.name == name)


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
@pytest.mark.parametrize(
    ("name", "condition"), [("ix_requests_open", IS_OPEN), ("ix_requests_unsuccessful", IS_UNSUCCESSFUL)]
)
def test_statement_and_index_say_the_same(name: str, condition: TextClause, dialect: str):
    words = _WORDS[dialect][name]
    assert _index(name).info["where"][dialect] == words
    told = select(requests.c.id).where(requests.c.pipeline == "p", condition)
    assert f" AND {words}" in str(told.compile(dialect=DIALECTS[dialect].dialect()))


def test_statements_that_differ_in_it_are_not_taken_for_each_other():
    wanted: list[tuple[ColumnElement[bool] | TextClause, list[int]]] = [
        (IS_OPEN, [1]),
        (IS_UNSUCCESSFUL, [2]),
        (or_(IS_OPEN, IS_UNSUCCESSFUL), [1, 2]),
    ]
    with create_engine("sqlite://").connect() as connection:
        connection.exec_driver_sql("CREATE TABLE requests (id INTEGER, state TEXT)")
        connection.exec_driver_sql(
            "INSERT INTO requests VALUES (1, 'waiting'), (2, 'failed'), (3, 'completed')"
        )
        for condition, found in wanted:
            assert connection.scalars(select(requests.c.id).where(condition)).all() == found
