"""Large blocks that are free leave no holes in the heap, and what is loaded for good is let be."""

import subprocess
import sys

import pytest

BLOCK = 256 * 1024
PROGRAM = f"""
import ctypes
from bridge.heap import keep_large_blocks_apart

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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="is about glibc")
def test_what_is_free_at_the_end_of_the_heap_is_used_again_and_not_given_back():
    program = (
        "import resource\nfrom threading import Thread\n"
        "from bridge.heap import keep_large_blocks_apart\n"
        "keep_large_blocks_apart()\n"
        "def work():\n    [b'x' * 200_000 for _ in range(8)]\n"
        "def faults():\n    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "def look():\n    work()\n    before = faults()\n"
        "    for _ in range(20):\n        work()\n"
        "    print(faults() - before < 200)\n"
        "look()\nledger = Thread(target=look)\nledger.start()\nledger.join()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True\nTrue\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="is about glibc")
def test_a_record_is_parsed_without_a_new_page_for_what_the_parser_writes_on():
    program = (
        "import json, resource\n"
        "from bridge.fhir.parsing import parse\n"
        "from bridge.heap import keep_large_blocks_apart\n"
        "keep_large_blocks_apart()\n"
        "body = json.dumps({str(n): [n] for n in range(15_000)}).encode()\n"
        "def faults():\n    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "parse(body)\nbefore = faults()\n"
        "for _ in range(20):\n    parse(body)\n"
        "print(len(body), faults() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    size, faults = map(int, done.stdout.split())
    assert size > 200_000
    assert faults < 20 * 10


def test_what_is_loaded_is_never_looked_through_for_cycles():
    program = (
        "import gc\nfrom bridge.heap import loading\n"
        "with loading():\n    off = not gc.isenabled()\n    import bridge.settings\n"
        "print(off, gc.isenabled(), any(each is bridge.settings.Settings for each in gc.get_objects()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True True False\n"
