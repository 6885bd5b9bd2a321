"""Why somebody does something, as the audit trail keeps it: where a reason is asked for, there is one."""

from bridge.operations.errors import OperationRefused
from bridge.record.nhs_number import holds_nhs_number


class ReasonMissing(OperationRefused):
    """No reason was given, or a blank one; nothing was done."""

    def __init__(self) -> None:
        super().__init__("must say why")


def given(reason: str | None) -> str:
    """The reason as it was given.

    Raises:
        ReasonMissing: there is none.
        OperationRefused: it may hold an NHS number: lists of jobs and of the trail show it to whoever may
            not see a patient.
    """
    if reason is None or not reason.strip():
        raise ReasonMissing
    if holds_nhs_number(reason):
        raise OperationRefused("the reason must not hold an NHS number: name the request, not the patient")
    return reason
