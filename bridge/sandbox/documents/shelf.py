"""What documents a patient has at the practice: one shelf for each scenario (DO-P02, DO-P05 to DO-P09)."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import shake_256
from typing import Literal

from bridge.sandbox.appointments.premises import logical_id

LIMIT = 5 * 1024 * 1024
"""Bytes of the largest document that is given out."""
SERVED_AFTER_DEATH = 28
"""Days."""
INFECTION = b"GPCONNECT-BRIDGE-HARMLESS-MALWARE-TEST-STRING"
"""Made up for tests: no scanner knows it but by a signature that a test writes."""

Author = Literal["practice", "hospital", "gp", "stranger"]
Encode = Callable[[bytes], bytes]


def pdf(seed: str, size: int = 1024) -> bytes:
    """Something of `size` bytes that begins and ends as a PDF does, and cannot be compressed."""
    head, tail = b"%PDF-1.4\n", b"\n%%EOF\n"
    return head + shake_256(seed.encode()).digest(size - len(head) - len(tail)) + tail


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledDocument:
    """One document, and what is said about it.

    Attributes:
        name: tells it from others of the patient.
        code: SNOMED CT code of its type; None leaves the words alone (DO-P09).
        type_text: the type in words.
        content: makes its bytes; None is a document that is not available.
        told_type: the media type that its DocumentReference gives.
        sent_type: the media type that its Binary gives.
        told_size: bytes, as its DocumentReference says; None says the truth.
        unavailable: why it is not available (DO-P05).
        labels: where ``NOPAT`` stands: ``meta``, ``securityLabel`` (DO-P08).
        encode: how the Binary is written; None is the usual way.
    """

    name: str
    type_text: str = "Clinical letter"
    code: str | None = "823681000000100"
    description: str | None = "Outpatient letter"
    created: str | None = "2024-03-05T10:30:00+00:00"
    indexed: str = "2024-03-06T09:00:00+00:00"
    author: Author | None = "practice"
    has_custodian: bool = True
    content: Callable[[], bytes] | None = None
    told_type: str = "application/pdf"
    sent_type: str = "application/pdf"
    told_size: int | None = None
    unavailable: str | None = None
    labels: frozenset[str] = frozenset()
    encode: Encode | None = None

    def bytes(self) -> bytes:
        """What it is; nothing when it is not available."""
        return self.content() if self.content else b""

    @property
    def size(self) -> int:
        """As its DocumentReference says."""
        return len(self.bytes()) if self.told_size is None else self.told_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The documents of one patient.

    Attributes:
        is_gms: whether the patient is registered for GMS; of others nothing is given out.
        died_days_ago: when the practice learnt of the patient's death.
        dissents: the patient does not share the record.
    """

    documents: tuple[FiledDocument, ...] = ()
    is_gms: bool = True
    died_days_ago: int | None = None
    dissents: bool = False

    @property
    def is_served(self) -> bool:
        """Whether this practice tells of the patient at all."""
        return self.is_gms and (self.died_days_ago is None or self.died_days_ago <= SERVED_AFTER_DEATH)


def _letter(name: str = "letter", size: int = 1024) -> FiledDocument:
    return FiledDocument(name=name, content=lambda: pdf(name, size))


def letter() -> Shelf:
    """One letter, of the size that a structured record says of what it names."""
    return Shelf(documents=(_letter(size=20_480),))


def of_every_kind() -> Shelf:
    """Internal, external, by a clinician, by an organisation that is not sent; texts and pictures."""
    return Shelf(
        documents=(
            _letter(),
            FiledDocument(
                name="discharge",
                type_text="Discharge summary",
                code="373942005",
                description="Discharge from hospital: chest pain",
                created="2024-05-20T16:00:00+01:00",
                indexed="2024-05-22T08:00:00+01:00",
                author="hospital",
                content=lambda: pdf("discharge", 40_000),
            ),
            FiledDocument(
                name="note",
                type_text="Typed note",
                code=None,
                description="Note of a telephone call",
                created="2023-11-02",
                author="gp",
                told_type="text/plain",
                sent_type="text/plain",
                content="Spoke to the patient.\r\n\r\n  Result: 5.0 µmol/l\r\n".encode,
            ),
            FiledDocument(
                name="scan",
                type_text="Scanned letter",
                code=None,
                created=None,  # then the day on which it was filed counts (DO-P03)
                indexed="2022-01-15T12:00:00+00:00",
                author="stranger",
                told_type="image/tiff",
                sent_type="image/tiff",
                content=lambda: b"II*\x00" + shake_256(b"scan").digest(9000),
            ),
        )
    )


def labelled() -> Shelf:
    """NOPAT in each of its places, and in none (DO-P08)."""
    places = {
        "on_reference": frozenset({"meta"}),
        "on_document": frozenset({"securityLabel"}),
        "on_both": frozenset({"meta", "securityLabel"}),
        "on_neither": frozenset[str](),
    }
    return Shelf(
        documents=tuple(
            FiledDocument(name=name, description=name, labels=labels, content=lambda: pdf("labelled"))
            for name, labels in places.items()
        )
    )


def placeholders() -> Shelf:
    """No address, and a title that says why (DO-P05)."""
    return Shelf(
        documents=(
            FiledDocument(name="missing", unavailable="File not found on the practice's system", told_size=0),
            FiledDocument(
                name="too_large",
                unavailable="The document is larger than 5 MB",
                told_size=30 * 1024 * 1024,
                content=lambda: pdf("too_large", LIMIT + 1),
            ),
            _letter(),
        )
    )


def sizes() -> Shelf:
    """Small, as large as may be, and over it (DO-P06)."""
    return Shelf(
        documents=(
            _letter("small"),
            FiledDocument(name="large", content=lambda: pdf("large", 4_900_000)),
            FiledDocument(
                name="over",
                unavailable="The document is larger than 5 MB",
                content=lambda: pdf("over", LIMIT + 100_000),
            ),
        )
    )


def untrue() -> Shelf:
    """What is said and what is sent differ; and a Binary written in other ways than usual."""
    return Shelf(
        documents=(
            FiledDocument(name="page", content=lambda: b"<!DOCTYPE html><html><script>1</script></html>"),
            FiledDocument(name="other_size", told_size=999, content=lambda: pdf("other_size")),
            FiledDocument(name="other_type", sent_type="image/png", content=lambda: pdf("other_type")),
            FiledDocument(name="secretly_large", told_size=1024, content=lambda: pdf("x", LIMIT + 1)),
            FiledDocument(name="empty", content=lambda: b"", told_size=10),
            FiledDocument(name="ends_early", content=lambda: pdf("cut", 30_000), encode=_ends_early),
            FiledDocument(name="no_base64", content=lambda: pdf("cut"), encode=_no_base64),
            FiledDocument(name="in_lines", content=lambda: pdf("lines", 50_000), encode=_in_lines),
            FiledDocument(name="escaped", content=lambda: pdf("escaped", 50_000), encode=_escaped),
        )
    )


def bare() -> Shelf:
    """As little as there can be (DO-P09)."""
    return Shelf(
        documents=(
            FiledDocument(
                name="bare",
                code=None,
                type_text="misc",
                description=None,
                created=None,
                author=None,
                has_custodian=False,
                content=lambda: pdf("bare"),
            ),
        )
    )


def infected() -> Shelf:
    """One document with the made-up string, beside a clean one."""
    return Shelf(
        documents=(
            FiledDocument(name="infected", content=lambda: pdf("infected") + INFECTION),
            _letter("clean"),
        )
    )


def of_dead(*, days: int) -> Shelf:
    """Of a patient who died so many days ago, of which PDS knows nothing yet."""
    return Shelf(documents=(_letter(),), died_days_ago=days)


def of_dissenter() -> Shelf:
    """Of a patient who does not share."""
    return Shelf(documents=(_letter(),), dissents=True)


def of_visitor() -> Shelf:
    """Of a patient who is registered otherwise than for GMS."""
    return Shelf(documents=(_letter(),), is_gms=False)


def _ends_early(content: bytes) -> bytes:
    """JSON that stops inside the content, as a whole answer."""
    encoded = base64.b64encode(content)
    return b'{"resourceType":"Binary","contentType":"application/pdf","content":"' + encoded[:-4000]


def _no_base64(content: bytes) -> bytes:
    encoded = base64.b64encode(content)
    return b'{"resourceType":"Binary","contentType":"application/pdf","content":"' + encoded[:500] + b'*"}'


def _in_lines(content: bytes) -> bytes:
    """Content first, in lines of 76, pretty-printed."""
    encoded = base64.b64encode(content)
    lines = b"\\r\\n".join(encoded[start : start + 76] for start in range(0, len(encoded), 76))
    head, tail = b'{\n  "content" : "', b'",\n  "contentType" : "application/pdf",\n'
    return head + lines + tail + b'  "resourceType" : "Binary"\n}\n'


def _escaped(content: bytes) -> bytes:
    """As two well-known JSON writers do it: a slash and a plus sign are escaped."""
    encoded = base64.b64encode(content).replace(b"/", b"\\/").replace(b"+", b"\\u002B")
    return (
        b'{"id":"x","contentType":"application\\/pdf","content":"' + encoded + b'","resourceType":"Binary"}'
    )


def binary_id(ods: str, nhs_number: str, name: str) -> str:
    """The id of the Binary of a document at a practice."""
    return logical_id(ods, "binary", nhs_number, name)
