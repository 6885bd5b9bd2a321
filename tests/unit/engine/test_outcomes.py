import errno

import pytest

from bridge.engine.outcomes import EngineFault, unforeseen
from bridge.errors import HeldBack


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_a_lack_of_files_passes_and_the_request_is_tried_again(number):
    failure = unforeseen(OSError(number, "Too many open files"))

    assert isinstance(failure, HeldBack)
    assert failure.detail == "no_descriptors"


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "no"), ValueError("9990000018")])
def test_any_other_error_is_a_fault_of_the_engine_without_its_words(error):
    failure = unforeseen(error)

    assert isinstance(failure, EngineFault)
    assert failure.detail == f"internal {type(error).__name__}"
