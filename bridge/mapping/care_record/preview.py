"""One page of section events: to look at what a practice sent, with nothing but a browser.

The page stands alone. Its content security policy forbids scripts and every request, so that it is safe even
if the sanitiser were not; the HTML of each event is made safe once more all the same, since a file may have
been changed.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final

from bridge.mapping.care_record.sanitise import Sanitised, sanitise
from bridge.mapping.page import Html, day, element, facts, frame, joined, moment, notice, spaced, style, text
from bridge.record.care_record import CARE_RECORD_LABEL
from bridge.record.sections import SECTIONS

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
FIELDS: Final = {
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
    return (files(__package__) / "care_record.css").read_text(encoding="utf-8")


def render_preview(section_events: Sequence[Mapping[str, Any]]) -> str:
    """A self-contained HTML page of sections, in the mandated order (HT-011).

    Args:
        section_events: data of `care_record.section.published` events: `CareRecordSection`s.
    """
    label = element("h1", text(CARE_RECORD_LABEL))
    groups = _by_patient(section_events)
    # Of several patients each has a banner of their own: no section ever stands under another one's (HT-015).
    is_one = len(groups) <= 1
    return frame(
        title="GP care record",
        header=joined([label, *(_patient(group) for group in groups)]) if is_one else label,
        main=joined(map(_sections, groups)) if is_one else care_record_articles(section_events),
        style=style(style_sheet()),
        # What remains of style attributes are keywords of a closed list, see `sanitise`.
        style_attributes=True,
    )


def care_record_articles(section_events: Sequence[Mapping[str, Any]]) -> Html:
    """The sections for a page of several things: those of each patient under a banner of their own."""
    return joined(
        element(
            "article",
            element("header", element("h2", text(CARE_RECORD_LABEL)), _patient(group)),
            _sections(group),
        )
        for group in _by_patient(section_events)
    )


def _by_patient(sections: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    order = list(SECTIONS)
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for each in sorted(sections, key=lambda each: order.index(each["section"])):
        groups.setdefault(each.get("nhs_number", ""), []).append(each)
    return list(groups.values())


def _sections(sections: Sequence[Mapping[str, Any]]) -> Html:
    return Html("\n".join(map(_section, sections)))


def _patient(sections: Sequence[Mapping[str, Any]]) -> Html:
    """Whom sections are about (HT-015); of the first section that says so."""
    named = next((each for each in sections if "patient" in each), sections[0])
    details = named.get("patient", {})
    return facts(
        [
            ("Name", details.get("name")),
            ("NHS number", spaced(str(named.get("nhs_number", "")))),
            ("Born", day(details.get("birth_date"))),
            ("Gender", details.get("gender")),
            ("Died", day(details.get("deceased"))),
            ("Address", ", ".join(details.get("address", []))),
            ("GP", details.get("gp_name")),
        ]
    )


def _section(section: Mapping[str, Any]) -> Html:
    generated = section.get("generated", {})
    about = facts(
        [
            ("Section", section["title"]),
            ("Practice", " ".join(filter(None, [section.get("holder_name"), section.get("holder_ods")]))),
            ("Made by", " ".join(filter(None, [generated.get("system"), generated.get("version")]))),
            ("Made at", moment(generated.get("at"))),
            ("Retrieved at", moment(section["retrieved_at"])),
            ("Period asked for", _period(section.get("period"))),
        ]
    )
    return element("section", about, _differences(section), _statement(section), _page(section))


def _page(section: Mapping[str, Any]) -> Html:
    if section["state"] == "failed":
        return Html("")
    safe = sanitise(section["html"])
    if not isinstance(safe, Sanitised):
        return notice(f"This section cannot be shown: {_FAILURES[safe]}.", alert=True)
    return element("div", Html(safe.html), class_="gp-record")


def _statement(section: Mapping[str, Any]) -> Html:
    """What the section, or a part of it, must not be mistaken for."""
    if section["state"] == "failed":
        return notice(f"This section cannot be shown: {_FAILURES[section['failure']]}.", alert=True)
    parts = [part for part in section["subsections"] if part["state"] != "content"]
    notes = [
        notice(f"{part['title']}: {_STATES[part['state']]}", alert=not part["may_say_none"]) for part in parts
    ]
    notes += [
        notice(issue["message"], alert=True)
        for issue in section["issues"]
        if issue["severity"] != "information"
    ]
    return joined(notes)


def _differences(section: Mapping[str, Any]) -> Html:
    """The alert of HT-017, with each field and both values."""
    check = section["demographics"]
    if check["verdict"] == "accept":
        return Html("")
    lines = [
        f"{FIELDS[each['field']]}: asked for {each['asked']}, practice has {each.get('returned', 'none')}"
        for each in check["differences"]
    ]
    return notice("Check who this record is about.", *lines, alert=True)


def _period(period: Mapping[str, str] | None) -> str | None:
    if period is None:
        return None
    start, end = day(period.get("start")), day(period.get("end"))
    return f"{start or 'the beginning'} to {end or 'today and later'}"
