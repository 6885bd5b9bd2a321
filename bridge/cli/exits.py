"""Exit codes of every command; a number is never given a second meaning."""

from enum import IntEnum


class Exit(IntEnum):
    """What a script may rely on."""

    OK = 0
    """Done."""
    NO = 1
    """The command worked and the answer is no: deviations found, a check failed, a request failed."""
    UNREADABLE = 2
    """Input cannot be read or is not what the command needs; also wrong usage."""
    MISCONFIGURED = 3
    """Settings are missing or wrong; every fault is listed on stderr."""
    UNAVAILABLE = 4
    """The bus or the ledger cannot be used, or a consumer was lost: safe to start again."""
