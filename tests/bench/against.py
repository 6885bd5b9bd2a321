"""``make bench-against BUILD=…``: another commit of this repository and the build at hand, side by side.

Each worker has exchanges, a ledger and a folder of its own; they call the same stubs, and take turns (see
`tests.bench.side_by_side`).
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench import parts
from tests.bench.fifty_practices import nhs_numbers
from tests.bench.record_sizes import SIZES
from tests.bench.side_by_side import Ask, Side, run_in_turns
from tests.support.outside import ENVIRONMENT
from tests.support.ports import free_port
from tests.support.postgres import PostgresNode, fresh_database
from tests.support.processes import child, wait_until_ready
from tests.support.requests import record_request

_ROOT: Final = Path(__file__).parents[2]
_BUILDS: Final = _ROOT / ".bench" / "builds"
_RECORD: Final = "record.requested.v1"
_LEDGERS: Final = ("sqlite", "postgresql")
_START: Final = 300.0


@dataclass(frozen=True, slots=True)
class Build:
    """A checked-out commit with an environment of its own."""

    name: str
    folder: Path

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.folder / ".venv/bin/python")


def build_of(commit: str) -> Build:
    """Check a commit out and install it, once: it is kept under ``.bench``."""
    found = _run("git", "rev-parse", "--short=9", f"{commit}^{{commit}}").strip()
    folder = _BUILDS / found
    done = folder / ".installed"
    if not done.exists():
        print(f"installing {found} …", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        archive = subprocess.run(["git", "archive", found], cwd=_ROOT, check=True, capture_output=True)
        subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
        # Of no environment that this process happens to run in, and not with the authority of the tests alone.
        outside = {
            name: value for name, value in ENVIRONMENT.items() if not name.startswith(("UV_", "VIRTUAL"))
        }
        subprocess.run(["make", "--silent", "install"], cwd=folder, check=True, env=outside)
        done.touch()
    return Build(found, folder)


def _run(*command: str) -> str:
    return subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, text=True).stdout


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: medians of the portions, and the ratio of each pair of them."""

    ledger: str
    ask: str
    in_flight: int
    cpu: tuple[float, float]
    cpu_ratios: Sequence[float]
    seconds: tuple[float, float]
    seconds_ratios: Sequence[float]
    peaks: tuple[float, float]

    def __str__(self) -> str:
        return (
            f"| {self.ledger} | {self.ask} | {self.in_flight} | {self.cpu[0]:.2f} | {self.cpu[1]:.2f} "
            f"| {_spread(self.cpu_ratios)} | {_spread(self.seconds_ratios)} "
            f"| {self.peaks[0]:.0f} / {self.peaks[1]:.0f} |"
        )


HEAD: Final = (
    "| ledger | record | in flight | CPU ms, then | CPU ms, now | CPU ratio | time ratio | peak MB, then / now |\n"
    "|---|---|---|---|---|---|---|---|"
)


def _spread(ratios: Sequence[float]) -> str:
    ordered = sorted(ratios)
    cut = len(ordered) // 4
    return f"**{statistics.median(ordered):.2f}** ({ordered[cut]:.2f} to {ordered[-1 - cut]:.2f})"


@contextlib.contextmanager
def _side(
    build: Build, which: str, folder: Path, environment: Mapping[str, str], ledger: str | None
) -> Iterator[Side]:
    place = folder / f"{which}-{free_port()}"
    place.mkdir()
    port = free_port()
    settings = {
        **environment,
        "BRIDGE_BUS_PREFIX": which,
        "BRIDGE_STATE_DIR": str(place),
        "BRIDGE_HEALTH_PORT": str(port),
        "BRIDGE_LOG_FORMAT": "json",
    }
    if ledger is not None:
        settings["BRIDGE_LEDGER_URL"] = ledger
    with child(
        "bridge",
        ["run"],
        environment=settings,
        output=place / "worker.log",
        cwd=build.folder,
        python=build.python,
        fresh=True,
    ) as started:
        wait_until_ready(started, port, within=_START)
        yield Side(which, started)


def _row(ledger: str, ask: Ask, in_flight: int, old: Side, new: Side) -> Row:
    return Row(
        ledger,
        ask.name,
        in_flight,
        (statistics.median(old.cpu), statistics.median(new.cpu)),
        new.cpu_ratios(old),
        (statistics.median(old.seconds), statistics.median(new.seconds)),
        [ours / theirs for theirs, ours in zip(old.seconds, new.seconds, strict=True)],
        (old.child.peak_memory_mb(), new.child.peak_memory_mb()),
    )


@contextlib.contextmanager
def _ledger_urls(name: str) -> Iterator[tuple[str | None, str | None]]:
    if name == "sqlite":
        yield None, None
        return
    node = PostgresNode()
    node.start()
    try:
        with fresh_database(node.url) as one, fresh_database(node.url) as other:
            yield one, other
    finally:
        node.close()


def _asks(options: argparse.Namespace) -> list[Ask]:
    if options.data is not None:
        return [Ask(options.key, json.loads(options.data.read_text()), options.data.stem)]
    return [
        Ask(_RECORD, record_request(number), size)
        for number, size in zip(nhs_numbers(), SIZES, strict=False)
        if size in options.sizes
    ]


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    options = _options().parse_args(arguments)
    old, new = build_of(options.build), Build("this build", _ROOT)
    asks = _asks(options)
    print(
        f"{old.name} against {new.name}: {options.rounds} portions of {options.count} requests each\n\n{HEAD}"
    )
    with parts.folder() as directory, parts.rabbit(directory) as url:
        stub = (
            parts.stand_in("tests.bench.sized_records", directory)
            if options.data is None
            else parts.sandbox(directory, strict=False, keep_calls=False)
        )
        with stub as environment:
            for name in options.ledgers:
                for in_flight in options.in_flight:
                    settings = parts.worker_environment(
                        environment, url, BRIDGE_BUS_CONCURRENCY=str(in_flight)
                    )
                    with (
                        _ledger_urls(name) as (one, other),
                        _side(old, "then", directory, settings, one) as first,
                        _side(new, "now", directory, settings, other) as second,
                    ):
                        for ask in asks:
                            turns = run_in_turns(
                                url, (first, second), ask, rounds=options.rounds, count=options.count
                            )
                            asyncio.run(turns)
                            print(_row(name, ask, in_flight, first, second), flush=True)
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.against", description=__doc__)
    parser.add_argument("build", help="commit to compare with")
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 8, 32], metavar="N")
    parser.add_argument("--ledgers", nargs="+", choices=_LEDGERS, default=list(_LEDGERS))
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--count", type=int, default=100, help="requests in a portion")
    parser.add_argument("--key", default=_RECORD, help="routing key of another pipeline, with --data")
    parser.add_argument("--data", type=Path, help="file with the data of a request, asked of the sandbox")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
