"""The one place that keeps patient data out of logs.

Nothing is meant to log an NHS number in the first place; this is the net under that rule. It works on the
finished line, exceptions and lines of libraries included, and errs on the side of hiding.
"""

import re

# Ten digits, written together or 3-3-4 with blanks or hyphens, also percent-encoded; not part of a longer
# number or of a hash. The check digit is not consulted: a number typed wrongly is still somebody's.
_NHS_NUMBER = re.compile(
    # What stands before is looked at from behind the first digit: every line is searched, and the search then
    # stops at digits alone.
    r"\d(?:(?<![0-9A-Fa-f]\d)|(?<=%[0-9A-Fa-f]{2}\d))\d{2}(?:[ -]|%20)?\d{3}(?:[ -]|%20)?\d{4}(?![0-9A-Fa-f])"
)
_JSON_NUMBER = re.compile(r"\d(?<=[:,\[]\d)\d{9}(?=[],}])")
_BEARER = re.compile(r"[Bb]earer\s+[\w.~+/-]+=*")
_URL_PASSWORD = re.compile(r"(?<=://)([^/:@\s]+):([^/@\s]+)@")
REDACTED = "[redacted]"


def redact(line: str) -> str:
    """`line` with everything that looks like an NHS number, a token or a password hidden."""
    if _NHS_NUMBER.search(line):  # nearly never, and a number of JSON is one of them
        line = _NHS_NUMBER.sub(REDACTED, _JSON_NUMBER.sub(f'"{REDACTED}"', line))
    if "earer" in line:
        line = _BEARER.sub(f"Bearer {REDACTED}", line)
    if "://" in line:
        line = _URL_PASSWORD.sub(rf"\1:{REDACTED}@", line)
    return line
