"""What a running worker has loaded: libraries and modules of what it does not do cost it memory and time to start."""

import re
from uuid import uuid4

import pytest

from tests.support.processes import worker

NEEDLESS = frozenset(
    {
        "alembic",  # the ledger is up to date
        "asyncpg",
        "sqlalchemy.dialects.postgresql",
        "attr",
        "fhir",
        "httpx",
        "jwt",
        "nats",
        "opentelemetry.sdk",
        "pygments",
        "rich.console",
        "unittest",
        *("bridge.console", "bridge.mllp", "bridge.sandbox", "bridge.testing"),
    }
)
IMPORTED = re.compile(r"^import time:[ \d]+\|[ \d]+\| *(\S+)$", re.MULTILINE)


@pytest.fixture
def loaded(environment, rabbit_url, tmp_path):
    """Names of the modules, of a worker on RabbitMQ and SQLite whose ledger is up to date."""
    told = environment | {"BRIDGE_BUS_URL": rabbit_url, "BRIDGE_BUS_PREFIX": f"t{uuid4().hex[:8]}"}
    with worker(told, output=tmp_path / "first"):
        pass
    counted = told | {"PYTHONPROFILEIMPORTTIME": "1"}
    with worker(
        counted, output=tmp_path / "second", arguments=["--pipeline", "structured_record"], fresh=True
    ) as ready:
        return set(IMPORTED.findall(ready.output.read_text(encoding="utf-8")))


def test_a_worker_loads_nothing_that_it_does_not_use(loaded):
    assert "aio_pika" in loaded
    assert not {name for name in loaded for needless in NEEDLESS if f"{name}.".startswith(f"{needless}.")}
