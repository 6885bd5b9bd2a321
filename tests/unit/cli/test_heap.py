"""Large blocks that are free leave no holes in the heap."""

import subprocess
import sys

import pytest

BLOCK = 200_000
PROGRAM = f"""
import ctypes
from bridge.cli.heap import keep_large_blocks_apart

class Told(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in (
        *("arena", "ordblks", "smblks", "hblks", "hblkhd"), *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    )]

library = ctypes.CDLL(None)
library.mallinfo2.restype = Told
KEEP
bytes({BLOCK})  # is free at once
before = library.mallinfo2().hblkhd
block = bytes({BLOCK})
print(library.mallinfo2().hblkhd - before >= {BLOCK})
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="is about glibc")
@pytest.mark.parametrize(("first", "apart"), [("keep_large_blocks_apart()", "True"), ("", "False")])
def test_a_large_block_is_apart_from_the_heap_after_others_were_freed(first, apart):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("KEEP", first)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == (f"{apart}\n", "")
