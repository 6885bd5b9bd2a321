"""Answers of `$gpc.getcarerecord` as practices send them, and the sections that come of them."""

from typing import Any

from pydantic import TypeAdapter

from bridge.mapping import Source
from bridge.mapping.care_record import SectionAsked, map_section
from bridge.record.care_record import CareRecordSection
from bridge.record.sections import SectionCode

Resource = dict[str, Any]
SCHEMA = TypeAdapter(CareRecordSection)
NHS_NUMBER = "9990000018"
OTHER_NUMBER = "9990000026"
SOURCE = Source(
    request_id="request-1", retrieved_at="2026-11-22T09:00:00Z", body_sha256="0" * 64, patient_key="k1-0"
)


def identifier(kind: str, value: str) -> list[Resource]:
    return [{"system": f"http://fhir.nhs.net/Id/{kind}", "value": value}]


def patient(nhs_number: str = NHS_NUMBER, **more: Any) -> Resource:
    return {
        "resourceType": "Patient",
        "id": "p1",
        "identifier": identifier("nhs-number", nhs_number),
        "name": [{"use": "official", "family": ["Taylor"], "given": ["Sam", "Lee"], "prefix": ["Mx"]}],
        "gender": "female",
        "birthDate": "1950-01-02",
        "address": [{"line": ["", "1 Mill Lane"], "city": "Leeds", "district": "0", "postalCode": "LS1 6AE"}],
        "telecom": [{"system": "phone", "value": "0113 496 0000"}],
        "careProvider": [{"reference": "Practitioner/g1"}],
        "managingOrganization": {"reference": "Organization/o1"},
        **more,
    }


def organisation(ods: str = "A00001", **more: Any) -> Resource:
    return {
        "resourceType": "Organization",
        "id": "o1",
        "identifier": identifier("ods-organization-code", ods),
        "name": "Mill Lane Surgery",
        **more,
    }


def practitioner() -> Resource:
    name = {"family": ["Gilbert"], "given": ["Nichole"], "prefix": ["Dr"]}
    return {"resourceType": "Practitioner", "id": "g1", "name": name}


def device() -> Resource:
    return {"resourceType": "Device", "id": "d1", "model": "Practice System", "version": "7.4"}


def section(html: object, code: str | None = "ENC", **more: Any) -> Resource:
    sent: Resource = {"title": "Encounters", "text": {"status": "generated", "div": html}, **more}
    return {**sent, "code": {"coding": [{"code": code}]}} if code else sent


def composition(*sections: Resource, **more: Any) -> Resource:
    return {
        "resourceType": "Composition",
        "id": "c1",
        "date": "2026-11-22T08:59:59+00:00",
        "title": "Patient Care Record",
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "author": [{"reference": "Device/d1"}],
        "custodian": {"reference": "Organization/o1"},
        "section": list(sections),
        **more,
    }


def bundle(*resources: Resource) -> Resource:
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": each} for each in resources],
    }


def answer(html: object, code: str | None = "ENC") -> Resource:
    """A whole answer with one section."""
    document = composition(section(html, code))
    return bundle(document, patient(), organisation(), practitioner(), device())


def mapped(resource: object, code: SectionCode = "ENC", **asked: Any) -> CareRecordSection:
    """The section, checked against its schema."""
    read = map_section(
        resource,
        asked=SectionAsked(**{"code": code, "nhs_number": NHS_NUMBER, **asked}),
        source=SOURCE,
    )
    SCHEMA.validate_python(read, strict=True)
    return read


def shown(html: object, code: SectionCode = "ENC", **asked: Any) -> CareRecordSection:
    """The section that comes of some HTML."""
    return mapped(answer(html, code), code, **asked)


def table(*rows: str, table_id: str = "enc-tab", columns: str = "Date,Title,Details") -> str:
    """A table as the specification has it; the cells of a row are apart by a stroke."""
    head = "".join(f"<th>{column}</th>" for column in columns.split(","))
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row.split('|'))}</tr>" for row in rows)
    return f'<table id="{table_id}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
