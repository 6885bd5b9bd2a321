"""What a report is called: its code is the same for all (digest §5.5)."""

from collections.abc import Iterator
from typing import Final

from bridge.areas.investigations.model import InvestigationReport
from bridge.record.common import CodedText

_STUDIES: Final = "721981007"
_STUDIES_IN_WORDS: Final = "diagnostic studies report"
_SAY_NOTHING: Final = frozenset({"364712009", "37331000000100"})
"""Laboratory test observable, and comment note: headings of one supplier."""
_MOST_NAMES: Final = 5
_LONGEST_NAME: Final = 200


def add_title(report: InvestigationReport) -> None:
    """Name a report after what was tested, unless its own code says more than that it is a report."""
    code = report["code"]
    says_nothing = (
        code["coding_quality"] == "empty"
        or code["term"].casefold() == _STUDIES_IN_WORDS
        or (code.get("concept_id") == _STUDIES and code["term_from"] != "text")
    )
    names = list(dict.fromkeys(_names(report))) if says_nothing else []
    if not names:
        report["title"] = code["term"]
        return
    report["title"] = "; ".join(names[:_MOST_NAMES])
    if len(names) > _MOST_NAMES:
        report["title"] += f" and {len(names) - _MOST_NAMES} more"
    report["title_from"] = "results"


def _names(report: InvestigationReport) -> Iterator[str]:
    """What was tested: of a group its heading, where that says something, else its results."""
    fallback: list[str] = []
    found = False
    for group in report["groups"]:
        if _says_something(group["code"]):
            found = True
            yield _short(group["code"])
            continue
        if group["code"]["term_from"] != "placeholder":
            fallback.append(_short(group["code"]))
        for result in group["results"]:
            if _says_something(result["code"]):
                found = True
                yield _short(result["code"])
    for result in report["results"]:
        if _says_something(result["code"]):
            found = True
            yield _short(result["code"])
    if not found:
        yield from fallback


def _says_something(code: CodedText) -> bool:
    """A degraded code says what was meant only in its own words."""
    if code.get("concept_id") in _SAY_NOTHING:
        return False
    return code["term_from"] == "text" or code["coding_quality"] not in ("degraded", "empty", "null_flavour")


def _short(code: CodedText) -> str:
    return code["term"] if len(code["term"]) <= _LONGEST_NAME else code["term"][:_LONGEST_NAME] + "…"
