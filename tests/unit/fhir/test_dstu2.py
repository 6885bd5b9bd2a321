"""Reading DSTU2: what differs from STU3, and what practices get wrong."""

import pytest

from bridge.fhir import systems
from bridge.fhir.dstu2 import address_lines, person_name, phone_numbers, read_care_record, referred
from bridge.fhir.read import Item
from tests.support import care_records as c


def read(resource):
    found = read_care_record(resource)
    assert found is not None
    return found


def item(**resource):
    return Item(resource, "Patient/p1")


@pytest.mark.duty("HT-029")
def test_people_and_organisations_take_their_stu3_form():
    found = read(c.answer("<p>a</p>"))
    (patient,) = found.index.resources("Patient")
    assert patient.resource["identifier"] == [{"system": systems.NHS_NUMBER, "value": c.NHS_NUMBER}]
    assert patient.resource["name"][0]["family"] == "Taylor"
    assert patient.resource["generalPractitioner"] == [{"reference": "Practitioner/g1"}]
    (organisation,) = found.index.resources("Organization")
    assert organisation.resource["identifier"] == [{"system": systems.ODS_ORGANISATION, "value": "A00001"}]


def test_what_was_received_is_not_changed():
    sent = c.answer("<p>a</p>")
    before = repr(sent)
    read(sent)
    assert repr(sent) == before


def test_a_composition_is_found_wherever_it_stands_or_alone():
    document = c.composition(c.section("<p>a</p>"))
    for resource in (c.bundle(document, c.patient()), c.bundle(c.patient(), document), document):
        (section,) = read(resource).sections
        assert (section.code, section.title, section.html) == ("ENC", "Encounters", "<p>a</p>")


def test_of_several_documents_the_one_with_a_page_counts():
    found = read(c.bundle(c.composition(id="c0"), c.composition(c.section("<p>a</p>"))))
    assert found.composition.ref == "Composition/c1"


def test_sections_inside_sections_are_found():
    found = read(c.bundle(c.composition(c.section(None, None, section=[c.section("<p>a</p>")]))))
    assert [(each.code, each.html) for each in found.sections] == [(None, None), ("ENC", "<p>a</p>")]


@pytest.mark.parametrize(
    "resource", [None, 1, "x", [], {}, {"resourceType": "Bundle", "entry": 1}, c.bundle()]
)
def test_what_holds_no_document_gives_none(resource):
    assert read_care_record(resource) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ([{"family": ["Taylor", "Smith"], "given": ["Sam"], "prefix": ["Mx"]}], "Mx Sam Taylor Smith"),
        ({"family": ["Gilbert"], "prefix": ["Dr"]}, "Dr Gilbert"),
        ([{"use": "old", "text": "Old"}, {"use": "usual", "text": " Sam Taylor "}], "Sam Taylor"),
        ([{"family": "Taylor"}], "Taylor"),
        ([{"family": [1, None, " "]}], None),
        (None, None),
        ("Taylor", None),
    ],
)
def test_names_are_lists_or_single_and_families_are_lists(name, words):
    assert person_name(item(name=name)) == words


def test_blank_lines_and_placeholders_are_no_address():
    address = {"line": ["", " 1 Mill Lane ", None], "city": "Leeds", "district": "0", "postalCode": "LS1 6AE"}
    assert address_lines(item(address=[address])) == ["1 Mill Lane", "Leeds", "LS1 6AE"]
    assert address_lines(item(address=None)) == []


def test_telephone_numbers_only():
    telecom = [
        {"system": "phone", "value": "1"},
        {"system": "email", "value": "2"},
        {"value": "3"},
        {"system": "phone"},
    ]
    assert phone_numbers(item(telecom=telecom)) == ["1", "3"]


def test_a_reference_to_nowhere_means_the_only_resource_of_its_type():
    document = c.composition(custodian={"reference": "Hl7.Fhir.Model.Organization", "display": "Surgery"})
    one = read(c.bundle(document, c.organisation()))
    found, words = referred(one, one.composition, "custodian", "Organization")
    assert found is not None
    assert (found.resource["name"], words) == ("Mill Lane Surgery", "Surgery")
    two = read(c.bundle(document, c.organisation(), c.organisation(id="o2")))
    assert referred(two, two.composition, "custodian", "Organization") == (None, "Surgery")
