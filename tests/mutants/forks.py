"""Tests run in processes forked off this one, which has loaded once what the tests import from elsewhere.

Our own packages are loaded anew in each process: a change is made to a module as it is imported.
"""

import gc
import importlib
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

LOADED_ONCE = (
    "bridge.engine.worker",
    "bridge.sandbox.running",
    "bridge.bus.nats.bus",
    "bridge.bus.rabbit.bus",
)
OWN = ("bridge", "pipelines", "tests")


def load_once(tests: Sequence[str], *, compiled: Path) -> None:
    """Load what is not our own, by way of what is, and forget the latter.

    Else each process would load, and pytest rewrite, all of Hypothesis for itself: five seconds for each change.

    Args:
        tests: that are going to be run.
        compiled: folder in which what is compiled is kept, apart from what Python itself keeps.
    """
    sys.pycache_prefix = str(compiled.absolute())
    sys.dont_write_bytecode = False
    for name in LOADED_ONCE:
        importlib.import_module(name)
    tested(["--collect-only", "-qq", *tests], plugins=())
    _forget_our_own()
    gc.collect()
    gc.freeze()


def tested(arguments: Sequence[str], *, plugins: Sequence[object]) -> int:
    """What pytest makes of these tests."""
    loaded_before = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        every = ["-q", "-m", "not rabbit", f"--basetemp={folder}/tests", *loaded_before, *arguments]
        return int(pytest.main(every, plugins=list(plugins)))


def forked(work: Callable[[], int], *, said: Path | None = None) -> int:
    """A process that does this, and ends with what it returns; what it prints is kept there, or nowhere.

    It has a group of its own, with all that it starts.
    """
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        kept = os.open(said or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for stream in (1, 2):
            os.dup2(kept, stream)
        _forget_our_own()
        code = work()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        raise
    finally:
        os._exit(code)


def _forget_our_own() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in OWN]:
        del sys.modules[name]
