"""``make bench``: every speed promise as a ratio inside one run, as a table and in ``.bench/latest.json``."""

import importlib
import json
import sys

from tests.bench.result import Result
from tests.support.kept_results import BENCH, BENCH_RUN, keep

MODULES = (
    "instructions",
    "mapping",
    "whole_record",
    "renderings",
    "changes",
    "care_record",
    "slots",
    "worker_cpu",
    "traces",
    "in_flight",
    "memory",
    "ledger",
    "bulkhead",
    "documents",
    "mllp_sender",
    "scale",
)


def main(names: list[str]) -> int:
    results: list[Result] = []
    for name in names or MODULES:
        print(f"running {name} …", file=sys.stderr)
        results += importlib.import_module(f"tests.bench.{name}").run()
    width = max(len(result.name) for result in results)
    for result in results:
        verdict = "holds" if result.holds else "MISSED"
        print(
            f"{result.name:<{width}}  {result.ratio:8.2f}  goal {result.goal:<8} {verdict:<6}  {result.note}"
        )
    keep(BENCH_RUN, {"modules": names or list(MODULES)})
    latest = {
        result.name: {
            "ratio": result.ratio,
            "goal": result.goal,
            "holds": result.holds,
            "note": result.note,
        }
        for result in results
    }
    BENCH.write_text(json.dumps(latest, indent=2) + "\n")
    return 0 if all(result.holds for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
