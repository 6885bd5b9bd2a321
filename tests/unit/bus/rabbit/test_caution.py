"""When messages of RabbitMQ are taken one by one, and for how long."""

import pytest
from aiormq.exceptions import ConnectionClosed, ConnectionInternalError
from structlog.testing import capture_logs

from bridge.bus.rabbit.caution import ENOUGH, Caution

BROKEN = ConnectionInternalError("INTERNAL_ERROR")
SHUT_DOWN = ConnectionClosed(
    320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'"
)
MANY = 20


def after(*ends: BaseException | None, deliveries: int = 1, quiet: float = 60) -> Caution:
    """What connections that ended so, one soon after the other, have taught."""
    caution = Caution(quiet=quiet)
    for error in ends:
        caution.began()
        caution.took(deliveries)
        caution.ended(error)
    caution.began()
    return caution


@pytest.mark.parametrize(
    ("ends", "deliveries", "at_once"),
    [
        ([], 1, MANY),
        ([BROKEN] * (ENOUGH - 1), 1, MANY),
        ([BROKEN] * ENOUGH, 1, 1),
        ([ConnectionResetError()] * ENOUGH, 1, 1),
        ([SHUT_DOWN] * 5, 1, MANY),
        ([BROKEN, SHUT_DOWN, BROKEN], 1, MANY),
        ([BROKEN], 5, 1),  # other workers have had what is in hand, and lost it
        ([SHUT_DOWN], 5, MANY),
    ],
)
def test_after_connections_that_ended_soon_each_is_taken_alone(ends, deliveries, at_once):
    assert after(*ends, deliveries=deliveries).at_once(MANY) == at_once


def test_a_channel_without_a_limit_keeps_none():
    assert after(BROKEN, BROKEN).at_once(0) == 0


def test_it_is_over_when_nothing_has_ended_for_a_while_and_begins_again_sooner():
    with capture_logs() as logs:
        caution = after(BROKEN, BROKEN, quiet=0)
        assert caution.is_over()
        caution.end()
        caution.ended(BROKEN)  # of the connection that was ended for it
        caution.began()
        assert caution.at_once(MANY) == MANY
        caution.ended(BROKEN)
        assert caution.at_once(MANY) == 1
    assert [line["event"] for line in logs] == [
        "taken_one_by_one",
        "taken_together_again",
        "taken_one_by_one",
    ]


def test_it_is_not_over_while_connections_end_or_there_is_none():
    assert not after(BROKEN, BROKEN).is_over()
    caution = after(BROKEN, BROKEN, quiet=0)
    caution.ended(BROKEN)
    assert not caution.is_over()
    assert not after(quiet=0).is_over()
