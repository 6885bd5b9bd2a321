"""``python -m tests.brokers``: the suite of the bus on every broker and release that the guide names.

A release of RabbitMQ that is not installed is unpacked beside it (`tests.support.rabbit_releases`); one that cannot be had
is left out, and said so. ``PROMISES=write`` writes what was seen to be kept into the table of `deploy/README.md`.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.faults.bus.conformance import BusFaults
from tests.integration.bus.conformance import BusConformance
from tests.integration.bus.dead_letter_store import DeadLetterStoreConformance
from tests.integration.bus.delayed_redelivery import DelayedRedeliveryConformance
from tests.integration.bus.events_in_order import EventsInOrderConformance
from tests.integration.bus.transport import TransportConformance
from tests.support.promises import NATS, Promises, is_writing, promises_of, words, write
from tests.support.rabbit_releases import RELEASES, UnreachableError, environment_of

SUITES: tuple[type[Promises], ...] = (
    BusConformance,
    TransportConformance,
    DelayedRedeliveryConformance,
    DeadLetterStoreConformance,
    EventsInOrderConformance,
    BusFaults,
)
PARTS = {suite.part: promises_of(suite) for suite in SUITES}
_ENDS_OTHERWISE = ("failure", "error", "skipped")
BUS = ("tests/integration/bus", "tests/faults/bus")
OF_RABBIT = (
    "tests/integration/deploy/test_broker.py",
    "tests/integration/operations/test_administered.py",
    "tests/integration/operations/test_broker_policies.py",
    "tests/integration/hostile/test_rabbit.py",
    "tests/integration/cli/test_first_event.py",
)


def main(arguments: list[str]) -> int:
    """Run the suites, tell how each ended, and write the table when that is wanted."""
    seen: dict[str, set[str]] = {}
    failed = False
    for title, environment, tests in _runs():
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.xml"
            sys.stdout.write(f"{title}\n")
            sys.stdout.flush()
            command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *tests, *arguments]
            failed |= subprocess.run(command, env=environment, check=False).returncode != 0
            seen[title] = set(_kept(report)) if report.exists() else set()
    if is_writing():
        write(PARTS, seen)
    return int(failed)


def _runs() -> Iterator[tuple[str, Mapping[str, str], tuple[str, ...]]]:
    for release in RELEASES:
        try:
            environment = environment_of(release)
        except UnreachableError as fault:
            sys.stdout.write(f"{release.title}: not run: {fault}\n")
        else:
            yield release.title, {**os.environ, **environment}, ("-m", "rabbit", *BUS, *OF_RABBIT)
    yield NATS, os.environ, ("-m", "nats", *BUS)


def _kept(report: Path) -> Iterator[str]:
    """The promises of which every test of the run passed."""
    ends: dict[str, bool] = {}
    for case in ET.parse(report).iter("testcase"):
        promise = words(case.attrib["name"].partition("[")[0])
        is_kept = all(case.find(end) is None for end in _ENDS_OTHERWISE)
        ends[promise] = ends.get(promise, True) and is_kept
    return (promise for promise, is_kept in ends.items() if is_kept)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
