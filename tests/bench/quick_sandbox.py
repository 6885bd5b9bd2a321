"""The sandbox as a process of its own for the benches: arguments are its folder, options and a ready file."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from bridge.sandbox import SandboxOptions, running

_OPERATION = "/A99001/STU3/1/gpconnect/structured/Patient/$gpc.getstructuredrecord"


async def main(state_dir: Path, options: dict[str, Any], ready: Path) -> None:
    if "records" in options:
        options["records"] = Path(options["records"])
    async with running(SandboxOptions(state_dir=state_dir, **options)) as sandbox:
        environment = dict(sandbox.environment)
        # A ledger of its own: one of an earlier run is kept with other keys.
        environment["BRIDGE_STATE_DIR"] = str(state_dir / "worker")
        environment["BENCH_RECORD_URL"] = f"{sandbox.urls['practice']}{_OPERATION}"
        draft = ready.with_suffix(".draft")
        draft.write_text(json.dumps(environment))
        draft.rename(ready)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2]), Path(sys.argv[3])))
