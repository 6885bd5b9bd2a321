"""What may be asked of problems."""

from typing import Literal

from bridge.contracts.requests import Model


class ProblemOptions(Model):
    """What is wanted of problems: all of them, or those of one status."""

    status: Literal["active", "inactive"] | None = None
    """Only these. Of the other status only what is related to one of them comes, as ``linked_only``."""
