"""One page of section events: to look at what a practice sent, with nothing but a browser.

The page stands alone. Its content security policy forbids scripts and every request, so that it is safe even
if the sanitiser were not; the HTML of each event is made safe once more all the same, since a file may have
been changed.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any, Final
from zoneinfo import ZoneInfo

from bridge.mapping.care_record.sanitise import Sanitised, sanitise
from bridge.record.care_record import CARE_RECORD_LABEL
from bridge.record.sections import SECTIONS

_LONDON: Final = ZoneInfo("Europe/London")
_STATES: Final = {
    "nothing_recorded": "The practice states that nothing is recorded here.",
    "retrieval_not_supported": "Not available: the practice's system cannot send this. There may be data.",
    "access_denied": "Withheld: access was denied. There may be data.",
    "not_stored": "Not available: the practice's system does not hold this kind of data.",
    "withheld": "Withheld: items were excluded. Do not read this as nothing recorded.",
    "transfer_incomplete": "Unknown: the record has not wholly arrived from the previous practice.",
    "unstated": "Unknown: the practice sent nothing and did not say why.",
}
_FAILURES: Final = {
    "not_a_care_record": "the practice's answer holds no care record",
    "section_missing": "the practice's answer holds no such section",
    "other_section": "the practice answered with another section",
    "other_patient": "the answer is not about this patient",
    "too_large": "the section is too large to be shown safely",
    "text_would_be_lost": "made safe, the section would not show all that the practice sent",
    "marks_would_be_lost": "made safe, the section would not strike out all that the practice struck out",
}
_FIELDS: Final = {
    "nhs_number": "NHS number",
    "birth_date": "Date of birth",
    "family_name": "Family name",
    "given_name": "Given name",
    "gender": "Gender",
    "practice_ods": "GP practice code",
    "deceased": "Date of death",
}


@cache
def style_sheet() -> str:
    """The style sheet for the HTML of a section, for any viewer; see its first lines."""
    return _packaged("care_record.css")


def _packaged(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


@cache
def _style() -> tuple[str, str]:
    """The page's style, and the source expression that allows it and no other."""
    style = style_sheet() + _packaged("preview.css")
    digest = base64.b64encode(sha256(style.encode()).digest()).decode()
    return style, f"'sha256-{digest}'"


def render_preview(section_events: Sequence[Mapping[str, Any]]) -> str:
    """A self-contained HTML page of sections, in the mandated order (HT-011).

    Args:
        section_events: data of `care_record.section.published` events: `CareRecordSection`s.
    """
    style, allowed = _style()
    # What remains of style attributes are keywords of a closed list, see `sanitise`.
    policy = (
        f"default-src 'none'; style-src-elem {allowed}; style-src-attr 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )
    order = list(SECTIONS)
    sections = sorted(section_events, key=lambda each: order.index(each["section"]))
    body = "\n".join(_section(each) for each in sections)
    return (
        '<!DOCTYPE html>\n<html lang="en-GB">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>GP care record</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"<header><h1>{escape(CARE_RECORD_LABEL)}</h1>{_patient(sections)}</header>\n"
        f"<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _patient(sections: Sequence[Mapping[str, Any]]) -> str:
    """Whom the page is about (HT-015); of the first section that says so."""
    named = next((each for each in sections if "patient" in each), next(iter(sections), {}))
    details = named.get("patient", {})
    number = str(named.get("nhs_number", ""))
    spaced = f"{number[:3]} {number[3:6]} {number[6:]}"
    return _list(
        [
            ("Name", details.get("name")),
            ("NHS number", spaced.strip() or None),
            ("Born", _day(details.get("birth_date"))),
            ("Gender", details.get("gender")),
            ("Died", _day(details.get("deceased"))),
            ("Address", ", ".join(details.get("address", [])) or None),
            ("GP", details.get("gp_name")),
        ]
    )


def _section(section: Mapping[str, Any]) -> str:
    generated = section.get("generated", {})
    facts = _list(
        [
            ("Section", section["title"]),
            ("Practice", " ".join(filter(None, [section.get("holder_name"), section.get("holder_ods")]))),
            ("Made by", " ".join(filter(None, [generated.get("system"), generated.get("version")]))),
            ("Made at", _moment(generated.get("at"))),
            ("Retrieved at", _moment(section["retrieved_at"])),
            ("Period asked for", _period(section.get("period"))),
        ]
    )
    return f"<section>\n{facts}{_differences(section)}{_statement(section)}{_page(section)}\n</section>"


def _page(section: Mapping[str, Any]) -> str:
    if section["state"] == "failed":
        return ""
    safe = sanitise(section["html"])
    if not isinstance(safe, Sanitised):
        return _notice(f"This section cannot be shown: {_FAILURES[safe]}.", alert=True)
    return f'<div class="gp-record">{safe.html}</div>'


def _statement(section: Mapping[str, Any]) -> str:
    """What the section, or a part of it, must not be mistaken for."""
    if section["state"] == "failed":
        return _notice(f"This section cannot be shown: {_FAILURES[section['failure']]}.", alert=True)
    parts = [part for part in section["subsections"] if part["state"] != "content"]
    notes = [
        _notice(f"{part['title']}: {_STATES[part['state']]}", alert=not part["may_say_none"])
        for part in parts
    ]
    notes += [
        _notice(issue["message"], alert=True)
        for issue in section["issues"]
        if issue["severity"] != "information"
    ]
    return "".join(notes)


def _differences(section: Mapping[str, Any]) -> str:
    """The alert of HT-017, with each field and both values."""
    check = section["demographics"]
    if check["verdict"] == "accept":
        return ""
    lines = [
        f"{_FIELDS[each['field']]}: asked for {each['asked']}, practice has {each.get('returned', 'none')}"
        for each in check["differences"]
    ]
    return _notice("Check who this record is about.", *lines, alert=True)


def _period(period: Mapping[str, str] | None) -> str | None:
    if period is None:
        return None
    start, end = _day(period.get("start")), _day(period.get("end"))
    return f"{start or 'the beginning'} to {end or 'today and later'}"


def _day(value: str | None) -> str | None:
    """A whole FHIR date as `dd-Mmm-yyyy`, as the common user interface writes dates (HT-025)."""
    try:
        return date.fromisoformat(value).strftime("%d-%b-%Y") if value else None
    except ValueError:
        return value


def _moment(value: str | None) -> str | None:
    """A moment by the clocks of the practice, `dd-Mmm-yyyy hh:mm BST`; what names no moment as it is."""
    try:
        moment = datetime.fromisoformat(value) if value else None
    except ValueError:
        return value
    if moment is None or moment.tzinfo is None:
        return value
    return moment.astimezone(_LONDON).strftime("%d-%b-%Y %H:%M %Z")


def _notice(*lines: str, alert: bool) -> str:
    text = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return f'<div class="notice{" alert" if alert else ""}">{text}</div>'


def _list(pairs: Iterable[tuple[str, str | None]]) -> str:
    rows = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in pairs if value)
    return f"<dl>{rows}</dl>"
