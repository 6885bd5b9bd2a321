"""The sandbox as a process of its own for the benches: arguments are its folder, options and a ready file."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from bridge.sandbox import SandboxOptions, running


async def main(state_dir: Path, options: dict[str, Any], ready: Path) -> None:
    async with running(SandboxOptions(state_dir=state_dir, **options)) as sandbox:
        draft = ready.with_suffix(".draft")
        draft.write_text(json.dumps(dict(sandbox.environment)))
        draft.rename(ready)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2]), Path(sys.argv[3])))
