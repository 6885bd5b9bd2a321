"""A reason is asked for, and is shown to whoever may not see a patient."""

import pytest

from bridge.operations.errors import OperationRefused
from bridge.operations.reasons import ReasonMissing, given


def test_a_reason_is_kept_as_it_was_given():
    assert given(" the ward rang at 03:15, ext. 4471 ") == " the ward rang at 03:15, ext. 4471 "


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_without_one_nothing_is_done(reason: str | None):
    with pytest.raises(ReasonMissing):
        given(reason)


@pytest.mark.duty("JO-033")
@pytest.mark.parametrize("number", ["9990000018", "999 000 0018", "999-000-0018"])
def test_one_that_names_the_patient_is_refused_without_naming_them(number: str):
    with pytest.raises(OperationRefused, match="must not hold an NHS number") as refused:
        given(f"relatives of {number} complained")
    assert number not in str(refused.value)
