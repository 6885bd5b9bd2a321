"""What the first bytes of a document say it is, held against what the practice says.

A table of the kinds that practices keep, in place of a library: those that are kept up need a newer Python or
a library of the system's, and guess at hundreds of formats that no practice has.
"""

from typing import Final, Literal, NamedTuple

TypeVerdict = Literal["agrees", "differs", "unknown"]

HEAD: Final = 1024
"""Bytes that are looked at: a PDF may begin anywhere among them."""
OPAQUE: Final = "application/octet-stream"
_PLAIN: Final = "text/plain"
_OOXML: Final = "application/vnd.openxmlformats-officedocument."
_ODF: Final = "application/vnd.oasis.opendocument."


class _Kind(NamedTuple):
    """One kind: what it is called, what it begins with, and what else it is rightly called."""

    media_type: str
    begins: tuple[bytes, ...]
    also: tuple[str, ...] = ()
    offset: int = 0
    then: tuple[int, bytes] | None = None


_WORD: Final = "application/msword"
_KINDS: Final = (
    _Kind("application/pdf", (b"%PDF-",), ("application/x-pdf",)),
    _Kind("image/jpeg", (b"\xff\xd8\xff",), ("image/jpg", "image/pjpeg")),
    _Kind("image/png", (b"\x89PNG\r\n\x1a\n",), ("image/x-png",)),
    _Kind("image/gif", (b"GIF87a", b"GIF89a")),
    _Kind("image/tiff", (b"II*\x00", b"MM\x00*"), ("image/tif", "image/x-tiff")),
    _Kind("image/bmp", (b"BM",), ("image/x-bmp", "image/x-ms-bmp"), then=(6, b"\x00\x00\x00\x00")),
    _Kind("image/webp", (b"RIFF",), then=(8, b"WEBP")),
    _Kind("audio/wav", (b"RIFF",), ("audio/x-wav", "audio/wave", "audio/vnd.wave"), then=(8, b"WAVE")),
    _Kind("audio/mpeg", (b"ID3", b"\xff\xfb", b"\xff\xf3"), ("audio/mp3",)),
    _Kind("video/mp4", (b"ftyp",), ("audio/mp4", "video/quicktime", "audio/x-m4a"), offset=4),
    # Word writes RTF into files that are called its own, and practices pass that name on.
    _Kind("application/rtf", (b"{\\rtf",), ("text/rtf", "text/richtext", "application/x-rtf", _WORD)),
    _Kind(
        "application/x-ole-storage",
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",),
        (_WORD, "application/vnd.ms-", "application/x-msg"),
    ),
    _Kind(
        "application/zip",
        (b"PK\x03\x04",),
        (_OOXML, _ODF, "application/x-zip", "application/vnd.ms-"),
    ),
    _Kind("application/gzip", (b"\x1f\x8b",), ("application/x-gzip",)),
    _Kind("application/dicom", (b"DICM",), offset=128),
    _Kind("application/x-msdownload", (b"MZ\x90\x00", b"MZP\x00", b"MZ\x00\x00")),
    _Kind("application/x-executable", (b"\x7fELF",)),
)
_MARKUP: Final = (
    _Kind("text/html", (b"<!doctype html", b"<html"), ("application/xhtml+xml",)),
    _Kind("application/xml", (b"<?xml", b"<clinicaldocument"), ("text/xml", "application/", "image/svg+xml")),
)
_OF_TEXT: Final = ("text/", "application/json", "application/hl7-v2", "message/rfc822")
_BYTE_ORDER_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_NO_TEXT: Final = bytes(set(range(32)) - set(b"\t\n\f\r\x1b")) + b"\x7f"


def sniff(head: bytes) -> str | None:
    """The media type that the first `HEAD` bytes of a document speak for; None: of no kind that is known."""
    for kind in _KINDS:
        if _is(kind, head):
            return kind.media_type
    for kind in _MARKUP:
        if _is(kind, _bare(head).lower()):
            return kind.media_type
    if b"%PDF-" in head:
        return "application/pdf"
    if head.startswith(_BYTE_ORDER_MARKS) or (head and head.translate(None, _NO_TEXT) == head):
        return _PLAIN
    return None


def compare(told: str | None, sniffed: str | None) -> TypeVerdict:
    """Whether what a document is called fits what it is.

    Args:
        told: its media type, as the practice says; parameters do not count.
        sniffed: of `sniff`.
    """
    name = plain_type(told or "")
    if not name or name == OPAQUE or sniffed is None:
        return "unknown"
    if name == sniffed:
        return "agrees"
    also = next((kind.also for kind in (*_KINDS, *_MARKUP) if kind.media_type == sniffed), _OF_TEXT)
    return "agrees" if name.startswith(also) else "differs"


def safe_type(told: str | None, sniffed: str | None) -> str:
    """The media type to hand a document out with: never one that its bytes contradict."""
    verdict = compare(told, sniffed)
    if verdict == "agrees" and told is not None:
        return plain_type(told)
    return sniffed if verdict == "unknown" and sniffed is not None else OPAQUE


def plain_type(media_type: str) -> str:
    """A media type without its parameters, in lower case."""
    return media_type.partition(";")[0].strip().casefold()


def _is(kind: _Kind, head: bytes) -> bool:
    if not head.startswith(kind.begins, kind.offset):
        return False
    return kind.then is None or head.startswith(kind.then[1], kind.then[0])


def _bare(head: bytes) -> bytes:
    """Without a byte order mark and blanks, which may stand before markup."""
    return head.removeprefix(_BYTE_ORDER_MARKS[0]).lstrip()
