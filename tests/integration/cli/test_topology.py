"""A broker that somebody else administers: what is printed for them, and a worker that refuses what is wrong."""

import json

import pytest

from bridge.errors import Misconfigured
from bridge.settings import BusSettings, Settings
from tests.support.processes import bridge

pytestmark = pytest.mark.nats


def test_what_is_printed_is_of_the_broker_and_virtual_host_that_the_url_names(tmp_path):
    url = "amqps://epr:secret-7@nobody.invalid/hospital%2Fgpc"
    done = bridge(
        "topology", directory=tmp_path, environment={"BRIDGE_BUS_URL": url, "BRIDGE_BUS_PREFIX": "gpc"}
    )
    assert done.code == 0, done.errors
    assert "secret-7" not in done.text
    printed = json.loads(done.text)
    assert [exchange["name"] for exchange in printed["exchanges"]] == ["gpc.requests", "gpc.events"]
    assert {entry["vhost"] for kind in printed.values() for entry in kind} == {"hospital/gpc"}


def test_a_worker_refuses_to_start_with_everything_that_is_wrong_and_doctor_shows_it(environment, tmp_path):
    prefix = environment["BRIDGE_BUS_PREFIX"]
    checking = environment | {"BRIDGE_BUS_DECLARE": "check"}
    missing = [
        f"stream {prefix}_{name}: does not exist"
        for name in ("events", "structured_record", "care_record_dead")
    ]

    refused = bridge("run", directory=tmp_path, environment=checking)
    shown = bridge("doctor", directory=tmp_path, environment=checking)

    assert refused.code == 3
    assert shown.code == 1
    for fault in missing:
        assert fault in refused.errors
        assert fault in shown.text


def test_the_embedded_bus_is_nobody_elses():
    with pytest.raises(Misconfigured) as refused:
        Settings(bus=BusSettings(declare="check")).check()
    assert "BRIDGE_BUS_URL: is required with BRIDGE_BUS_DECLARE=check" in refused.value.problems
