"""What is at the bottom of an error, however often drivers wrapped it."""

import errno

import pytest

from bridge.observe.causes import is_lack_of_files


def wrapped(error: BaseException) -> BaseException:
    outer = OSError("All connection attempts failed")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_a_lack_of_files_is_found_below_what_drivers_make_of_it(number):
    lack, other = OSError(number, "x"), OSError(errno.ECONNREFUSED, "x")
    assert is_lack_of_files(lack)
    assert is_lack_of_files(wrapped(lack))
    assert is_lack_of_files(wrapped(ExceptionGroup("several addresses", [other, lack])))


def test_nothing_else_is_one():
    other = OSError(errno.ECONNREFUSED, "x")
    assert not is_lack_of_files(wrapped(other))
    assert not is_lack_of_files(wrapped(ExceptionGroup("several addresses", [other, ValueError()])))
