"""How an operation says that it was not done."""

from bridge.errors import BridgeError


class OperationRefused(BridgeError):  # noqa: N818 - what is the case
    """What was asked for is not there, or cannot be done as things are; the text says why in one line."""
