"""Frames of the Minimal Lower Layer Protocol (HL7 v2, transport release 1): ``<VT>message<FS><CR>``.

A stream holds them one after the other. Line ends between two frames are what some senders put there;
anything else outside of a frame is none of the protocol, and nothing after it can be trusted.
"""

import asyncio
from typing import Final

START: Final = b"\x0b"
END: Final = b"\x1c\r"
_BETWEEN: Final = b"\r\n"


class FrameBroken(Exception):  # noqa: N818 - what the stream is
    """The stream is no sequence of frames, or a frame is too large.

    Attributes:
        reason: ``protocol_broken``, ``connection_broken`` (it ends within a frame) or ``too_large``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def framed(message: bytes) -> bytes:
    """A message in its frame."""
    return START + message + END


async def begins(stream: asyncio.StreamReader) -> bool:
    """Wait for a frame to begin; False when the stream ends before.

    Raises:
        FrameBroken: something else came.
    """
    while first := await stream.read(1):
        if first == START:
            return True
        if first not in _BETWEEN:
            raise FrameBroken("protocol_broken")
    return False


async def rest_of_frame(stream: asyncio.StreamReader) -> bytes:
    """The message of a frame that has begun; the largest is what the stream was opened with (``limit``).

    Raises:
        FrameBroken: it is too large, or the stream ends within it.
    """
    try:
        read = await stream.readuntil(END)
    except asyncio.LimitOverrunError:
        raise FrameBroken("too_large") from None
    except asyncio.IncompleteReadError:
        raise FrameBroken("connection_broken") from None
    message = read[: -len(END)]
    if START in message:
        raise FrameBroken("protocol_broken")  # the end of one is missing: which message it is nobody knows
    return message
