"""The page: each record under a banner that says whom it is about, from where, and how sure that is."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, cast

from bridge.areas.allergies.events import ALLERGIES_PUBLISHED
from bridge.areas.consultations.events import CONSULTATIONS_PUBLISHED
from bridge.areas.diary_entries.events import DIARY_ENTRIES_PUBLISHED
from bridge.areas.documents.events import DOCUMENTS_PUBLISHED
from bridge.areas.events import Part, RecordCompleted
from bridge.areas.immunisations.events import IMMUNISATIONS_PUBLISHED
from bridge.areas.investigations.events import INVESTIGATIONS_PUBLISHED
from bridge.areas.medications.events import MEDICATIONS_PUBLISHED
from bridge.areas.observations.events import OBSERVATIONS_PUBLISHED
from bridge.areas.problems.events import PROBLEMS_PUBLISHED
from bridge.areas.record_page.allergies import allergies
from bridge.areas.record_page.areas import completeness, issues, unmapped
from bridge.areas.record_page.consultations import consultations
from bridge.areas.record_page.diary_entries import diary_entries
from bridge.areas.record_page.documents import documents
from bridge.areas.record_page.events import Events, RecordEvents, records
from bridge.areas.record_page.immunisations import immunisations
from bridge.areas.record_page.investigations import investigations
from bridge.areas.record_page.medications import medications
from bridge.areas.record_page.names import Names, names_of_items
from bridge.areas.record_page.observations import observations
from bridge.areas.record_page.problems import problems
from bridge.areas.record_page.referrals import referrals
from bridge.areas.record_page.words import AREAS as AREA_NAMES
from bridge.areas.record_page.words import MATCHES
from bridge.areas.referrals.events import REFERRALS_PUBLISHED
from bridge.areas.table import AREAS
from bridge.contracts.events import RequestFailedData, RequestRejectedData
from bridge.mapping.care_record import care_record_articles, render_preview, style_sheet
from bridge.mapping.care_record.preview import FIELDS
from bridge.mapping.page import Html, element, facts, frame, joined, moment, notice, spaced, style, text
from bridge.record import DemographicsCheck, Match
from bridge.record.retrieval import SOURCE_LABEL

_NOT_GIVEN = "{}: not known. No event about them was given for this page; there may be data."
_COVERED = {"allergies", "ended_allergies", "medications"}
PAGES: Mapping[str, Callable[[Any, Names], Html]] = {
    CONSULTATIONS_PUBLISHED: consultations,
    PROBLEMS_PUBLISHED: problems,
    IMMUNISATIONS_PUBLISHED: immunisations,
    OBSERVATIONS_PUBLISHED: observations,
    INVESTIGATIONS_PUBLISHED: investigations,
    REFERRALS_PUBLISHED: referrals,
    DIARY_ENTRIES_PUBLISHED: diary_entries,
    DOCUMENTS_PUBLISHED: documents,
}
"""What shows the event of an area, given what its items name of others, by its kind."""


def render(events: Events) -> str:
    """A self-contained HTML page; of sections of a care record alone, the page that they have always had."""
    if not events.is_of_a_record():
        return render_preview(events.sections)
    found = records(events)
    patients = {record.nhs_number for record in found} | {each["nhs_number"] for each in events.sections}
    header = [element("h1", text(SOURCE_LABEL))]
    if len(patients) > 1:
        header.append(notice(f"This page is about {len(patients)} patients.", alert=True))
    if events.unknown_fields:
        unknown = "The events hold fields that this version does not know; they are not shown."
        header.append(notice(unknown, alert=True))
    main = joined(
        [
            *map(_failed, events.failed),
            *map(_rejected, events.rejected),
            *(_record(record, number) for number, record in enumerate(found, 1)),
            care_record_articles(events.sections),
        ]
    )
    sheets = [style_sheet(), _sheet()] if events.sections else [_sheet()]
    return frame(
        title="GP record",
        header=joined(header),
        main=main,
        style=style(*sheets),
        style_attributes=bool(events.sections),
    )


@cache
def _sheet() -> str:
    return (files(__package__) / "record.css").read_text(encoding="utf-8")


def _record(record: RecordEvents, number: int) -> Html:
    header = record.header
    demographics = header["demographics"]
    who = f"Patient with NHS number {spaced(record.nhs_number)}" if record.nhs_number else "Patient not named"
    banner = element(
        "header",
        element("h2", text(who), id=f"record-{number}"),
        facts(
            [
                ("Asked for by the NHS number", spaced(header.get("superseded_nhs_number", ""))),
                ("Practice", _practice(record)),
                ("Retrieved at", moment(header["retrieved_at"])),
                ("Kind of data", header["source_label"]),
                ("Snapshot", header["snapshot_id"]),
            ]
        ),
        _identity(demographics),
    )
    content = [] if demographics["verdict"] == "reject" else _content(record, number)
    return element("article", banner, *content, class_="record", aria_labelledby=f"record-{number}")


def _practice(record: RecordEvents) -> str:
    named = [record.header.get("holder_name"), record.header.get("holder_ods")]
    return " ".join(part for part in named if part) or "not stated"


def _identity(check: DemographicsCheck) -> Html:
    """Whether this is the patient who was asked for, each detail by name (CS-048 to CS-051)."""
    details = ", ".join(f"{detail}: {MATCHES[match]}" for detail, match in _compared(check))
    if check["verdict"] == "accept":
        return notice(f"The identity was checked: {details}.", alert=False)
    differences = [
        f"{FIELDS[each['field']]}: asked for {each['asked']}, practice has {each.get('returned', 'none')}"
        for each in check["differences"]
    ]
    said = (
        "Not, or not surely, the patient who was asked for: nothing may be used, and nothing is shown."
        if check["verdict"] == "reject"
        else "Check who this record is about."
    )
    return notice(said, *differences, f"Compared: {details}.", alert=True)


def _compared(check: DemographicsCheck) -> Iterable[tuple[str, Match]]:
    # Of a `DemographicsCheck` the fields that have a name here are the details that were compared.
    found = cast("Mapping[str, Match]", check)
    return ((detail, found[field]) for field, detail in FIELDS.items() if field in found)


def _content(record: RecordEvents, number: int) -> list[Html]:
    events = [
        *(each for each in (record.completed, record.allergies, record.medications) if each),
        *record.areas.values(),
    ]
    about_allergies = (
        allergies(record.allergies)
        if record.allergies
        else _absent("Allergies", {"allergies", "ended_allergies"}, record.completed)
    )
    about_medications = (
        medications(record.medications)
        if record.medications
        else _absent("Medications", {"medications"}, record.completed)
    )
    names = names_of_items(record)
    rest = [
        *_manifest(record),
        unmapped(each["unmapped"] for each in events),
        issues(each["issues"] for each in events),
    ]
    return [
        _section("Allergies and intolerances", about_allergies, number),
        _section("Medications and devices", about_medications, number),
        *(
            _section(AREA_NAMES[area.name], PAGES[area.kind](record.areas[area.kind], names), number)
            for area in AREAS.areas
            if area.kind in record.areas
        ),
        _section("Completeness and warnings", joined(rest), number),
    ]


def _section(title: str, content: Html, number: int) -> Html:
    title_id = f"record-{number}-{title.split(maxsplit=1)[0].lower()}"
    return element("section", element("h3", text(title), id=title_id), content, aria_labelledby=title_id)


def _absent(title: str, areas: set[str], manifest: RecordCompleted | None) -> Html:
    """An area of which no event was given; what the manifest says of it, if there is one."""
    known = [area for area in manifest["areas"] if area["area"] in areas] if manifest else []
    return joined([notice(_NOT_GIVEN.format(title), alert=True), *map(completeness, known)])


def _manifest(record: RecordEvents) -> list[Html]:
    """What the event that was published last says, and where the others do not agree with it."""
    manifest = record.completed
    if manifest is None:
        return [notice("record.completed was not given: whether parts are missing is not known.", alert=True)]
    given = {
        ALLERGIES_PUBLISHED: record.allergies,
        MEDICATIONS_PUBLISHED: record.medications,
        **record.areas,
    }
    covered = _COVERED | {each["area"]["area"] for each in record.areas.values()}
    told = [fault for part in manifest["parts"] for fault in _faults(part, given)]
    counted = ", ".join(f"{kind} {count}" for kind, count in manifest["counts"].items())
    others = [completeness(area) for area in manifest["areas"] if area["area"] not in covered]
    return [
        *(notice(fault, alert=True) for fault in told),
        facts([("Received from the practice", counted or "nothing")]),
        *others,
    ]


def _faults(part: Part, given: Mapping[str, object]) -> list[str]:
    data = given.get(part["kind"])
    if not isinstance(data, dict):
        return [f"{part['kind']} was published with {part['items']} items and is not shown here."]
    if len(data["items"]) != part["items"] or data["content_hash"] != part["content_hash"]:
        return [
            f"{part['kind']} is not as it was published: its items are others than record.completed says."
        ]
    return []


def _failed(data: RequestFailedData) -> Html:
    said = "A request failed: nothing is known from it."
    return _outcome(said, notice(said, data["message"], data["advice"], f"Code: {data['code']}", alert=True))


def _rejected(data: RequestRejectedData) -> Html:
    said = "A request was rejected: nothing was asked, and nothing is known from it."
    faults = [f"{each['field']}: {each['rule']}" for each in data["faults"]]
    return _outcome(said, notice(said, data["message"], *faults, alert=True))


def _outcome(title: str, content: Html) -> Html:
    return element("section", content, aria_label=title)
