"""What was noticed, as it is told: an issue code with its fixed words."""

from bridge.record.common import Issue
from bridge.record.issue_codes import ISSUES


def issue_of(code: str, ref: str | None = None, path: str | None = None) -> Issue:
    """An issue, with the resource and the element that it is about, where it is about one."""
    severity, message = ISSUES[code]
    issue: Issue = {"code": code, "severity": severity, "message": message}
    if ref is not None:
        issue["source_ref"] = ref
    if path is not None:
        issue["path"] = path
    return issue
