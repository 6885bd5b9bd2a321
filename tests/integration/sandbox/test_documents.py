"""The documents server of a practice (documents.md §2 to §4, DO-P01 to DO-P09)."""

import base64
from urllib.parse import quote

import pytest
from fhir.resources.STU3.documentreference import DocumentReference

from bridge.sandbox import BY_NAME
from bridge.sandbox.documents.shelf import LIMIT
from tests.integration.sandbox.consumer import ODS
from tests.integration.sandbox.reception import NHS_NUMBER, ORGANISATION, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOCUMENTS = "urn:nhs:names:services:gpconnect:documents:fhir:rest:"
FIND, SEARCH, READ = (
    DOCUMENTS + name for name in ("search:patient-1", "search:documentreference-1", "read:binary-1")
)
INCLUDES = [
    ("_include", "DocumentReference:subject:Patient"),
    ("_include", "DocumentReference:custodian:Organization"),
    ("_include", "DocumentReference:author:Organization"),
    ("_include", "DocumentReference:author:Practitioner"),
    ("_revinclude:recurse", "PractitionerRole:practitioner"),
]


def query(parameters):
    return "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters)


@pytest.fixture
def ask(consumer):
    async def call(interaction, path, *, root=None, scope="patient/*.read"):
        found, asid = await consumer.route("A99001", DOCUMENTS + "read:binary-1")
        return await consumer.record(
            "",
            root=root or found,
            asid=asid,
            interaction=interaction,
            method="GET",
            path=path,
            claim={"requested_scope": scope},
        )

    return call


@pytest.fixture
def find(ask):
    async def call(scenario):
        number = BY_NAME[scenario].nhs_number
        return await ask(FIND, "/Patient" + query([("identifier", f"{NHS_NUMBER}|{number}")]))

    return call


@pytest.fixture
def search(ask, find):
    async def call(scenario, *more, without=()):
        (entry,) = (await find(scenario)).json()["entry"]
        asked = [one for one in INCLUDES if one not in without] + list(more)
        return await ask(SEARCH, f"/Patient/{entry['resource']['id']}/DocumentReference{query(asked)}")

    return call


def documents(answer):
    assert answer.status_code == 200, answer.text
    found = [entry["resource"] for entry in answer.json()["entry"]]
    return [one for one in found if one["resourceType"] == "DocumentReference"]


def attachments(answer):
    return [one["content"][0]["attachment"] for one in documents(answer)]


async def test_it_has_a_root_of_its_own_and_takes_no_other_servers_ids(consumer, ask, find):
    root, _ = await consumer.route("A99001", READ)
    assert root.endswith("/A99001/STU3/1/gpconnect/documents")
    answer = await ask(DOCUMENTS + "read:metadata-1", "/metadata", scope=ORGANISATION)
    assert (answer.json()["version"], answer.json()["name"]) == ("1.6.2", "GP Connect API - Access Document")
    foundations = root.removesuffix("/documents")
    path = "/Patient" + query([("identifier", f"{NHS_NUMBER}|9990000018")])
    assert (await ask(FIND, path, root=foundations)).status_code == 400
    assert (await ask("urn:nhs:names:services:gpconnect:fhir:rest:search:patient-1", path)).status_code == 400
    (entry,) = (await find("documents")).json()["entry"]
    own = consumer.sandbox.patients_at("A99001").held(BY_NAME["documents"].nhs_number).id
    assert entry["resource"]["id"] != own
    answer = await ask(SEARCH, f"/Patient/{own}/DocumentReference{query(INCLUDES)}")
    assert refused(answer) == (404, "PATIENT_NOT_FOUND")


async def test_an_older_practice_has_none(consumer):
    answer = await consumer.sds(
        "Endpoint",
        ("organization", f"{ODS}|A99002"),
        ("identifier", f"https://fhir.nhs.uk/Id/nhsServiceInteractionId|{READ}"),
    )
    assert answer.json()["total"] == 0


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ("documents_not_gms", []),
        ("documents_died_long_ago", (404, "PATIENT_NOT_FOUND")),
        ("restricted", []),
        ("lapsed_record", []),
    ],
)
async def test_whom_it_does_not_find(find, scenario, expected):
    answer = await find(scenario)
    found = answer.json()["entry"] if answer.status_code == 200 else refused(answer)
    assert found == expected


async def test_who_died_recently_is_found_with_the_day(find, search):
    (entry,) = (await find("documents_died_recently")).json()["entry"]
    assert entry["resource"]["deceasedDateTime"]
    assert len(documents(await search("documents_died_recently"))) == 1


async def test_who_dissents_is_found_and_nothing_is_told(search):
    assert refused(await search("documents_dissent")) == (403, "NO_PATIENT_CONSENT")


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        (None, (422, "INVALID_PARAMETER")),
        ("9990000018", (422, "INVALID_PARAMETER")),
        ("urn:x|9990000018", (422, "INVALID_PARAMETER")),
        (f"{NHS_NUMBER}|9990000019", (400, "INVALID_NHS_NUMBER")),
    ],
)
async def test_an_identifier_that_breaks_a_rule(ask, identifier, expected):
    path = "/Patient" + (query([("identifier", identifier)]) if identifier else "")
    assert refused(await ask(FIND, path)) == expected


@pytest.mark.parametrize("left_out", INCLUDES)
async def test_each_include_is_mandatory(search, left_out):
    assert refused(await search("documents", without=[left_out])) == (422, "INVALID_PARAMETER")


@pytest.mark.parametrize(
    ("more", "titles"),
    [
        ([("created", "ge2024-05-01")], ["Discharge from hospital: chest pain"]),
        ([("created", "le2022-01-15")], ["Outpatient letter"]),  # by the day it was filed: it has no other
        (
            [("created", "ge2023-11-02"), ("created", "le2024-03-05T23:59:59+00:00")],
            ["Outpatient letter", "Note of a telephone call"],
        ),
        ([("author", f"{ODS}|RZZ01")], ["Discharge from hospital: chest pain"]),
        ([("description", "CHEST")], ["Discharge from hospital: chest pain"]),
        ([("description", "typed")], ["Note of a telephone call"]),
        ([("type", "anything"), ("description", "nothing")], []),
    ],
)
async def test_what_a_search_may_be_narrowed_by(search, more, titles):
    assert [one["description"] for one in documents(await search("documents", *more))] == titles


@pytest.mark.parametrize(
    "more",
    [
        [("created", "2024-01-01")],
        [("created", "gt2024-01-01")],
        [("created", "ge2024-01-01"), ("created", "ge2024-02-01")],
        [("created", "ge2024-13-01")],
        [("author", "RZZ01")],
        [("author", "https://fhir.nhs.uk/Id/sds-user-id|5550")],
    ],
)
async def test_how_it_may_not_be_narrowed(search, more):
    assert refused(await search("documents", *more)) == (422, "INVALID_PARAMETER")


async def test_references_are_valid_and_lead_somewhere_by_their_full_url(search):
    answer = await search("documents")
    entries = answer.json()["entry"]
    known = {entry["fullUrl"] for entry in entries}
    assert all(url.startswith("http") for url in known)
    root = entries[0]["fullUrl"].partition("/Patient/")[0]
    for one in documents(answer):
        DocumentReference.model_validate(one)
        assert one["subject"]["reference"] in known
        assert f"{root}/{one['custodian']['reference']}" in known
    authors = [one["author"][0]["reference"] for one in documents(answer)]
    assert [f"{root}/{author}" in known for author in authors] == [True, True, True, False]
    assert {entry["resource"]["resourceType"] for entry in entries} >= {"PractitionerRole", "Practitioner"}


async def test_nopat_stands_in_either_place(search):
    found = documents(await search("documents_not_for_patient"))
    places = {one["description"]: ("security" in one["meta"], "securityLabel" in one) for one in found}
    assert places == {
        "on_reference": (True, False),
        "on_document": (False, True),
        "on_both": (True, True),
        "on_neither": (False, False),
    }


async def test_a_placeholder_has_a_title_and_no_address(search, ask):
    missing, large, letter = attachments(await search("documents_placeholders"))
    assert [("url" in one, "title" in one) for one in (missing, large, letter)] == [
        (False, True),
        (False, True),
        (True, False),
    ]
    assert (missing["size"], large["size"]) == (0, 30 * 1024 * 1024)
    unknown = letter["url"].rpartition("/")[2] + "0"
    assert refused(await ask(READ, f"/Binary/{unknown}")) == (404, "NO_RECORD_FOUND")


@pytest.mark.parametrize(("number", "size"), [(0, 1024), (1, 4_900_000)])
async def test_documents_come_whole_as_base64(search, ask, number, size):
    told = attachments(await search("documents_sizes"))[number]
    answer = await ask(READ, "/Binary/" + told["url"].rpartition("/")[2])
    resource = answer.json()
    assert answer.headers["content-type"].startswith("application/fhir+json")
    assert (resource["resourceType"], resource["contentType"]) == ("Binary", "application/pdf")
    assert len(base64.b64decode(resource["content"])) == told["size"] == size


async def test_what_is_too_large_is_not_given_even_by_force(search, ask):
    over = attachments(await search("documents_sizes"))[2]
    assert over["size"] > LIMIT
    assert "url" not in over


async def test_hardly_anything_may_be_said(search):
    (bare,) = documents(await search("documents_bare"))
    assert not {"author", "custodian", "created", "description"} & set(bare)
    assert bare["type"] == {"text": "misc"}
