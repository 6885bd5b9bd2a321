"""Several addresses in one URL, and the order in which they are tried."""

import pytest

from bridge.addresses import NodeOrder, each_address, password_of, place_of
from bridge.bus.nats.bus import NatsBus
from bridge.bus.rabbit.bus import RabbitBus
from bridge.errors import Misconfigured
from bridge.ledger.storage.postgres import PostgresStore

SECRET = "hunter2-of-the-site"


@pytest.mark.parametrize(
    ("url", "each"),
    [
        ("amqp://host/", ["amqp://host/"]),
        (
            "amqps://u:p@a:5671,b,[::1]:5673/v?heartbeat=5",
            [f"amqps://u:p@{place}/v?heartbeat=5" for place in ("a:5671", "b", "[::1]:5673")],
        ),
        ("nats://t@a:4222,nats://b:4222", ["nats://t@a:4222", "nats://t@b:4222"]),
        ("nats://a:4222/,nats://b:4222/", ["nats://a:4222/", "nats://b:4222/"]),
        (
            "postgresql://u@a:1,b:2/db?options=-c%20x,y://z",
            [
                "postgresql://u@a:1/db?options=-c%20x,y://z",
                "postgresql://u@b:2/db?options=-c%20x,y://z",
            ],
        ),
        ("amqp://u:p%2Cw@a,b/", ["amqp://u:p%2Cw@a/", "amqp://u:p%2Cw@b/"]),
        ("amqp://a,b,a/", ["amqp://a/", "amqp://b/"]),
        ("postgresql:///db?host=/run/postgresql", ["postgresql:///db?host=/run/postgresql"]),
        ("postgresql://u@%2Frun%2Fpostgresql/db", ["postgresql://u@%2Frun%2Fpostgresql/db"]),
    ],
)
def test_what_surrounds_the_addresses_holds_for_each(url, each):
    assert list(each_address(url, "BRIDGE_BUS_URL")) == each


@pytest.mark.parametrize(
    ("places", "rule"),
    [
        ("a:5672,", "address 2 is empty"),
        (",b", "address 1 is empty"),
        ("a,b:0", "address 2 needs a port from 1 to 65535"),
        ("a:70000,b", "address 1 needs a port from 1 to 65535"),
        ("a,::1", "address 2 is IPv6 and needs brackets"),
        ("a,b:amqp", "address 2 is not host or host:port"),
        (f"a:5672,user:{SECRET}@b:5672", "user and password stand once, before the first address"),
        (f"a,user:{SECRET}@b", "user and password stand once, before the first address"),
        (f"a:5672,{SECRET}@b", "user and password stand once, before the first address"),
        ("℀", "cannot be read"),
        ("a[,b", "cannot be read"),
        ("a,nats://b", "every address has the scheme of the first one"),
    ],
)
@pytest.mark.parametrize("make", [RabbitBus, NatsBus])
def test_an_address_that_cannot_be_read_is_told_without_the_password(places, rule, make):
    scheme = "amqp" if "nats" in places else "tls"
    with pytest.raises(Misconfigured) as refused:
        make(f"{scheme}://user:{SECRET}@{places}/")
    assert f"BRIDGE_BUS_URL: {rule}" in str(refused.value)
    assert SECRET not in str(refused.value)
    assert "user:" not in str(refused.value)


def test_a_password_that_ends_the_address_too_early_is_told_as_such():
    with pytest.raises(Misconfigured, match="in a user or password / is written %2F") as refused:
        PostgresStore("postgresql://user:hun/ter2@host/db", connections=2)
    assert "hun" not in str(refused.value)


def test_the_password_and_the_place_are_found_in_a_url_of_several():
    url = "amqps://user:p%40ss@a:1,[::1]:2/vhost"
    assert password_of(url) == "p@ss"
    assert [place_of(one) for one in each_address(url, "BRIDGE_BUS_URL")] == ["a:1", "[::1]:2"]
    assert password_of("amqp://a,b/") is None


def test_nodes_are_drawn_and_those_that_failed_come_last():
    preference = NodeOrder[str]()
    nodes = list("abcd")
    assert {preference.order(nodes)[0] for _ in range(200)} == set(nodes)
    preference.failed("b")
    preference.failed("a")
    assert {tuple(preference.order(nodes)[2:]) for _ in range(50)} == {("b", "a")}, (
        "the one that failed last is last"
    )
    preference.works("a")
    assert {preference.order(nodes)[3] for _ in range(50)} == {"b"}
