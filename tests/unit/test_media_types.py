"""What documents are, by their first bytes, and whether what they are called fits."""

import pytest

from bridge.record.media_types import compare, safe_type, sniff

OLE = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(100)
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"%PDF-1.7\n...", "application/pdf"),
        (b"\r\n\x00junk" + b" " * 500 + b"%PDF-1.4", "application/pdf"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "image/png"),
        (b"GIF89a\x01\x00", "image/gif"),
        (b"II*\x00\x08\x00\x00\x00", "image/tiff"),
        (b"MM\x00*\x00\x00\x00\x08", "image/tiff"),
        (b"BM\x8a\x00\x00\x00\x00\x00\x00\x00\x8a", "image/bmp"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (b"{\\rtf1\\ansi", "application/rtf"),
        (OLE, "application/x-ole-storage"),
        (b"PK\x03\x04\x14\x00", "application/zip"),
        (bytes(128) + b"DICM\x02", "application/dicom"),
        (b"MZ\x90\x00\x03\x00", "application/x-msdownload"),
        (b"\x7fELF\x02", "application/x-executable"),
        (b"\xef\xbb\xbf \n<!DOCTYPE HTML><html>", "text/html"),
        (b"<HTML xmlns=", "text/html"),
        (b"<?xml version='1.0'?>", "application/xml"),
        ("Spoke to José.\r\n".encode(), "text/plain"),
        ("Spoke to José.\r\n".encode("latin-1"), "text/plain"),
        ("Spoke".encode("utf-16"), "text/plain"),
        (b"MZ is the name of the clinic", "text/plain"),
        (b"BM done", "text/plain"),
        (b"\x00\x01\x02\x03", None),
        (b"", None),
    ],
)
def test_the_first_bytes_tell(head, expected):
    assert sniff(head) == expected


@pytest.mark.parametrize(
    ("told", "sniffed", "expected"),
    [
        ("application/pdf", "application/pdf", "agrees"),
        (" Application/PDF ; version=1.4", "application/pdf", "agrees"),
        ("application/msword", "application/x-ole-storage", "agrees"),
        ("application/msword", "application/rtf", "agrees"),
        ("text/richtext", "application/rtf", "agrees"),
        (DOCX, "application/zip", "agrees"),
        ("text/xml", "application/xml", "agrees"),
        ("application/fhir+xml", "application/xml", "agrees"),
        ("text/html", "text/plain", "agrees"),
        ("image/tif", "image/tiff", "agrees"),
        ("application/pdf", "text/html", "differs"),
        ("text/plain", "text/html", "differs"),
        ("image/png", "application/pdf", "differs"),
        ("application/pdf", "application/x-msdownload", "differs"),
        ("text/plain", "application/x-executable", "differs"),
        ("application/octet-stream", "application/pdf", "unknown"),
        ("application/pdf", None, "unknown"),
        (None, "application/pdf", "unknown"),
        ("", None, "unknown"),
    ],
)
def test_what_it_is_called_is_held_against_what_it_is(told, sniffed, expected):
    assert compare(told, sniffed) == expected


@pytest.mark.parametrize(
    ("told", "sniffed", "expected"),
    [
        ("application/pdf", "application/pdf", "application/pdf"),
        (DOCX + "; x=y", "application/zip", DOCX),
        ("application/octet-stream", "image/tiff", "image/tiff"),
        (None, "text/plain", "text/plain"),
        ("application/pdf", "text/html", "application/octet-stream"),
        ("video/x-unknown", None, "application/octet-stream"),
    ],
)
def test_it_is_never_handed_out_as_what_it_is_not(told, sniffed, expected):
    assert safe_type(told, sniffed) == expected
