"""The one place that keeps patient data out of logs.

Nothing is meant to log an NHS number in the first place; this is the net under that rule. It works on the
finished line, exceptions and lines of libraries included, and errs on the side of hiding.
"""

import re
from typing import Final

# Ten digits, written together or 3-3-4 with blanks or hyphens, also percent-encoded; not part of a longer
# number or of a hash. The check digit is not consulted: a number typed wrongly is still somebody's.
_NHS_NUMBER = re.compile(
    # What stands before is looked at from behind the first digit, so that the search stops at digits alone.
    r"\d(?:(?<![0-9A-Fa-f]\d)|(?<=%[0-9A-Fa-f]{2}\d))\d{2}(?:[ -]|%20)?\d{3}(?:[ -]|%20)?\d{4}(?![0-9A-Fa-f])"
)
_JSON_NUMBER = re.compile(r"\d(?<=[:,\[]\d)\d{9}(?=[],}])")
_BEARER = re.compile(r"[Bb]earer\s+[\w.~+/-]+=*")
_URL_PASSWORD = re.compile(r"(?<=://)([^/:@\s]+):([^/@\s]+)@")
REDACTED = "[redacted]"
_SHAPE: Final = bytes.maketrans(b"123456789 ", b"000000000-")
_SHAPE_OF_NUMBER: Final = re.compile(rb"000-?000-?0000")


def redact(line: str) -> str:
    """`line` with everything that looks like an NHS number, a token or a password hidden."""
    if _may_hold_number(line) and _NHS_NUMBER.search(line):  # nearly never; a number of JSON is one of them
        line = _NHS_NUMBER.sub(REDACTED, _JSON_NUMBER.sub(f'"{REDACTED}"', line))
    if "earer" in line:
        line = _BEARER.sub(f"Bearer {REDACTED}", line)
    if "://" in line:
        line = _URL_PASSWORD.sub(rf"\1:{REDACTED}@", line)
    return line


def _may_hold_number(line: str) -> bool:
    """Whether ten digits stand in groups anywhere; asked of each line, in a fifth of the time of a search."""
    if not line.isascii() or "%20" in line:
        return True  # digits of other scripts count too
    return _SHAPE_OF_NUMBER.search(line.encode().translate(_SHAPE)) is not None
