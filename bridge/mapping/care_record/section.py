"""A section as the practice sent it becomes a section that is safe to show: the story of one mapping."""

from hashlib import sha256
from typing import Final
from uuid import UUID, uuid5

import orjson

from bridge.fhir.dstu2 import CareRecordAnswer, HtmlSection, read_care_record, referred
from bridge.mapping.asked import Source
from bridge.mapping.care_record.asked import SectionAsked
from bridge.mapping.care_record.marks import with_marks
from bridge.mapping.care_record.outline import outline
from bridge.mapping.care_record.patient import check_patient, patient_details, unanswered_check
from bridge.mapping.care_record.sanitise import Sanitised, html_hash, sanitise
from bridge.mapping.care_record.subsections import parts_of
from bridge.mapping.identity import Identity, SentOrganisation, name_of, organisation
from bridge.record.care_record import (
    CARE_RECORD_ISSUES,
    CARE_RECORD_LABEL,
    CARE_RECORD_VERSION,
    VIEWING_AID,
    CareRecordSection,
    Failure,
    Generator,
)
from bridge.record.sections import SECTIONS

_SNAPSHOTS: Final = UUID("3d1e0a7c-5b0f-5c6e-8d64-0c0f2f7a9b15")
"""Namespace of snapshot ids; a constant of this product."""

TABLE_IDS: Final = frozenset(
    {
        "adm-tab",
        "all-tab-curr",
        "all-tab-hist",
        "cli-tab",
        "enc-tab",
        "imm-tab",
        "med-tab-acu-med",
        "med-tab-all-iss",
        "med-tab-all-sum",
        "med-tab-curr-rep",
        "med-tab-dis-rep",
        "obs-tab",
        "prb-tab-act",
        "prb-tab-majinact",
        "prb-tab-othinact",
        "ref-tab",
    }
)


def map_section(resource: object, *, asked: SectionAsked, source: Source) -> CareRecordSection:
    """Map the answer of `$gpc.getcarerecord` to one section that is safe to show.

    Args:
        resource: any JSON value, as `orjson.loads` gives it: a Bundle with a Composition. It is not changed.
        asked: which section of whose record.
        source: where and when it was had.

    Returns:
        the section, whatever is inside the answer; with the state `failed`, and why, when it cannot be shown.
        Nothing raises.
    """
    section = _heading(asked, source)
    for code in source.issues:
        _report(section, code)
    answer = read_care_record(resource)
    if answer is None:
        return _failed(section, "not_a_care_record", source)
    identity, section["demographics"] = check_patient(answer, asked)
    if section["demographics"]["verdict"] == "reject":
        return _failed(section, "other_patient", source)
    _add_origin(section, answer, identity)
    sent = _choose(section, answer, asked)
    if not isinstance(sent, HtmlSection):
        return _failed(section, sent, source)
    # Half of a character that JSON can spell cannot be written; a browser shows the same in its place.
    received = (sent.html or "").encode(errors="replace").decode()
    section["received_hash"] = html_hash(received)
    safe = sanitise(received)
    if not isinstance(safe, Sanitised):
        return _failed(section, safe, source)
    section["received_html"], section["html"] = received, safe.html
    for code in safe.issues:
        _report(section, code)
    _add_parts(section, safe, sent)
    section["snapshot_id"] = _snapshot_id(section, source)
    return section


def _heading(asked: SectionAsked, source: Source) -> CareRecordSection:
    section: CareRecordSection = {
        "schema_version": CARE_RECORD_VERSION,
        "snapshot_id": "",
        "source_label": CARE_RECORD_LABEL,
        "retrieved_at": source.retrieved_at,
        "source_hash": f"sha256:{source.body_sha256}",
        "nhs_number": asked.nhs_number,
        "section": asked.code,
        "title": SECTIONS[asked.code].title,
        "demographics": unanswered_check(),
        "generated": {},
        "state": "unstated",
        "may_say_none": False,
        "banners": [],
        "subsections": [],
        "rows_are": VIEWING_AID,
        "issues": [],
    }
    if asked.superseded_nhs_number is not None:
        section["superseded_nhs_number"] = asked.superseded_nhs_number
    if source.patient_key is not None:
        section["patient_key"] = source.patient_key
    if source.holder_ods is not None:
        section["holder_ods"] = source.holder_ods
    bounds = {"start": asked.start, "end": asked.end}
    if any(bounds.values()):
        section["period"] = {}
        if asked.start is not None:
            section["period"]["start"] = asked.start.isoformat()
        if asked.end is not None:
            section["period"]["end"] = asked.end.isoformat()
    return section


def _failed(section: CareRecordSection, failure: Failure, source: Source) -> CareRecordSection:
    section["state"], section["failure"] = "failed", failure
    section["snapshot_id"] = _snapshot_id(section, source)
    return section


def _choose(
    section: CareRecordSection, answer: CareRecordAnswer, asked: SectionAsked
) -> HtmlSection | Failure:
    """The section that was asked for, among those with a page."""
    pages = [each for each in answer.sections if each.html]
    own = [each for each in pages if each.code is not None and each.code.upper() == asked.code]
    unnamed = [each for each in pages if each.code is None]
    if not pages:
        return "section_missing"
    if not own and not (len(pages) == len(unnamed) == 1):
        return "other_section"
    if not own:
        _report(section, "section_unnamed")
    if len(own) > 1:
        # Which of two is the record cannot be told, and one of them would be left out.
        return "other_section"
    if len(pages) > 1:
        _report(section, "several_sections")
    return (own or unnamed)[0]


def _add_origin(section: CareRecordSection, answer: CareRecordAnswer, identity: Identity) -> None:
    """Who keeps the record, what made the page, and the patient as the practice describes them."""
    document = answer.composition
    custodian, custodian_words = referred(answer, document, "custodian", "Organization")
    keeper = organisation(custodian) if custodian else SentOrganisation(None, custodian_words)
    holder_ods = section.get("holder_ods") or keeper.ods or identity.holder_ods
    if holder_ods is not None:
        section["holder_ods"] = holder_ods
    if holder_name := name_of(holder_ods, (keeper, *identity.organisations)):
        section["holder_name"] = holder_name
    if custodian is None:
        _report(section, "custodian_unresolved")
    section["generated"] = _generator(answer, keeper.name)
    if "system" not in section["generated"]:
        _report(section, "generator_unresolved")
    if details := patient_details(answer, identity):
        section["patient"] = details


def _generator(answer: CareRecordAnswer, organisation: str | None) -> Generator:
    document, generated = answer.composition, Generator()
    if at := document.code(document.resource.get("date"), "date"):
        generated["at"] = at
    device, words = referred(answer, document, "author", "Device")
    sent = device.resource if device else {}
    named = (sent.get("model"), sent.get("manufacturer"))
    reader = device or document
    system = next((text for value in named if (text := reader.text(value, "author"))), words)
    if system:
        generated["system"] = system
    if version := reader.text(sent.get("version"), "author"):
        generated["version"] = version
    if organisation:
        generated["organisation"] = organisation
    return generated


def _add_parts(section: CareRecordSection, safe: Sanitised, sent: HtmlSection) -> None:
    official = section["title"]
    parts = parts_of(outline(with_marks(safe.markup)), official)
    section["title"] = parts.heading or sent.title or official
    if section["title"].casefold() != official.casefold():
        _report(section, "title_differs")
    section["banners"] = parts.banners
    section["subsections"] = parts.subsections
    section["state"] = parts.state
    section["may_say_none"] = parts.state == "nothing_recorded"
    if parts.absence is not None:
        section["absence"] = parts.absence
    ids = {table.get("table_id") for part in parts.subsections for table in part["tables"]}
    if ids - TABLE_IDS - {None}:
        _report(section, "unknown_table")
    if any("not_as_rows" in table for part in parts.subsections for table in part["tables"]):
        _report(section, "table_not_as_rows")


def _report(section: CareRecordSection, code: str) -> None:
    severity, message = CARE_RECORD_ISSUES[code]
    section["issues"].append({"code": code, "severity": severity, "message": message})


def _snapshot_id(section: CareRecordSection, source: Source) -> str:
    """The same for the same content of the same request: what differs from call to call stays out."""
    content = orjson.dumps(
        [
            section["section"],
            section["demographics"],
            section.get("period"),
            section.get("failure"),
            section.get("received_hash"),
        ]
    )
    return str(uuid5(_SNAPSHOTS, f"{source.request_id} {sha256(content).hexdigest()}"))
