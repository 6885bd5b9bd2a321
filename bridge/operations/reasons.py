"""Why somebody does something, as the audit trail keeps it: where a reason is asked for, there is one."""

from bridge.operations.errors import OperationRefused


class ReasonMissing(OperationRefused):
    """No reason was given, or a blank one; nothing was done."""

    def __init__(self) -> None:
        super().__init__("must say why")


def given(reason: str | None) -> str:
    """The reason as it was given.

    Raises:
        ReasonMissing: there is none.
    """
    if reason is None or not reason.strip():
        raise ReasonMissing
    return reason
