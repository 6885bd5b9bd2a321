"""Access Document on the wire: its own root, headers and interactions, and what is never called."""

from collections.abc import Callable
from datetime import date
from typing import Any

import orjson
import pytest

from bridge.errors import FailureCode, Refused, ResponseInvalid
from bridge.gpconnect import Documents, DocumentSearch, GpConnect
from tests.integration.spine.world import (
    ASID,
    NHS_NUMBER,
    OWN_ASID,
    PRACTICE,
    World,
    claims,
    endpoint,
    requester,
    searchset,
)
from tests.support.http_server import Request, answer

ROOT = "https://gp.example.nhs.uk/A82038/STU3/1/gpconnect/documents"
PREFIX = "urn:nhs:names:services:gpconnect:documents:fhir:rest:"
FHIR = "application/fhir+json"
FOUND = {
    "resourceType": "Patient",
    "id": "doc-1",
    "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NHS_NUMBER}],
}
NHS_SYSTEM = "https://fhir.nhs.uk/Id/nhs-number%7C"


def bundle(*resources: dict[str, Any]) -> bytes:
    entries = [{"fullUrl": f"{ROOT}/x", "resource": one} for one in resources]
    return answer({"resourceType": "Bundle", "type": "searchset", "entry": entries}, content_type=FHIR)


def statement(version: str | None) -> bytes:
    return answer({"resourceType": "CapabilityStatement", "version": version}, content_type=FHIR)


@pytest.fixture
def services(world: World) -> World:
    world.endpoints = searchset(endpoint(ROOT))
    world.practice = bundle(FOUND)
    return world


@pytest.fixture
def documents(gpconnect: GpConnect, services: World) -> Documents:
    return gpconnect.documents(PRACTICE, requested_by=requester())


class Kept:
    """Takes whatever comes."""

    def __init__(self) -> None:
        self.content = b""

    async def take(self, piece: bytes) -> None:
        self.content += piece


@pytest.mark.duty("DO-001", "DO-003", "DO-004", "DO-006", "DO-007", "DO-008", "DO-012", "DO-013")
async def test_a_search_finds_the_patient_first_and_says_all_that_must_be_said(
    documents: Documents, services: World
):
    wanted = DocumentSearch(
        start=date(2024, 1, 1), end=date(2024, 6, 30), author_ods="RXX", words="chest pain & more|+"
    )
    await documents.search(NHS_NUMBER, wanted)
    find, search = services.of("practice")
    assert find.target == f"/{ROOT}/Patient?identifier={NHS_SYSTEM}{NHS_NUMBER}"
    path, _, query = search.target.partition("?")
    assert path == f"/{ROOT}/Patient/doc-1/DocumentReference"
    assert query.replace("%3A", ":").split("&") == [
        "_include=DocumentReference:subject:Patient",
        "_include=DocumentReference:custodian:Organization",
        "_include=DocumentReference:author:Organization",
        "_include=DocumentReference:author:Practitioner",
        "_revinclude:recurse=PractitionerRole:practitioner",
        "created=ge2024-01-01",
        "created=le2024-06-30",
        "author=https://fhir.nhs.uk/Id/ods-organization-code%7CRXX",
        "description=chest%20pain%20%26%20more%7C%2B",
    ]
    for request, interaction in ((find, "search:patient-1"), (search, "search:documentreference-1")):
        assert request.method == "GET"
        assert request.headers["ssp-interactionid"] == PREFIX + interaction
        assert (request.headers["ssp-from"], request.headers["ssp-to"]) == (OWN_ASID, ASID)
        said = claims(request)
        assert (said["aud"], said["requested_scope"]) == (ROOT, "patient/*.read")
        assert said["reason_for_request"] == "directcare"


@pytest.mark.duty("DO-026")
async def test_nobody_found_is_no_match_and_nothing_is_searched(documents: Documents, services: World):
    services.practice = bundle()
    with pytest.raises(Refused) as refused:
        await documents.search(NHS_NUMBER, DocumentSearch())
    assert (refused.value.code, refused.value.detail) == (FailureCode.PATIENT_NOT_FOUND, "no_match")
    assert len(services.of("practice")) == 1


async def test_another_patient_is_found_out_before_anything_is_searched(
    documents: Documents, services: World
):
    other = {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000026"}
    services.practice = bundle(FOUND | {"identifier": [other]})
    with pytest.raises(ResponseInvalid, match="another_patient"):
        await documents.search(NHS_NUMBER, DocumentSearch())
    assert len(services.of("practice")) == 1


@pytest.mark.duty("DO-001", "DO-006")
async def test_a_document_is_read_by_its_id_from_the_root_of_the_directory(
    documents: Documents, services: World
):
    binary = {"resourceType": "Binary", "contentType": "text/plain", "content": "QUJD"}
    services.practice = answer(binary, content_type=FHIR)
    kept = Kept()
    taken = await documents.retrieve(f"{ROOT}/Binary/b-1", kept)
    (request,) = services.of("practice")
    assert request.target == f"/{ROOT}/Binary/b-1"
    assert request.headers["ssp-interactionid"] == PREFIX + "read:binary-1"
    assert request.headers["accept"].startswith("application/fhir+json")
    assert orjson.loads(kept.content) == binary
    assert (taken.answer.body, taken.answer.received) == (b"", len(kept.content))


@pytest.mark.parametrize(
    "location",
    [
        ROOT + "/Binary/",
        ROOT + "/Binary/..",
        ROOT + "/Binary/b-1/_history/1",
        ROOT + "/Binary/b-1?_format=xml",
        ROOT + "/Binary/b-1#x",
        ROOT + "/Binary/%2e%2e",
        ROOT + "/Patient/doc-1",
        ROOT + ".evil.example/Binary/b-1",
        ROOT.replace("gpconnect", "GPConnect") + "/Binary/b-1",
        ROOT.replace("https", "http") + "/Binary/b-1",
        "https://evil.example/" + ROOT + "/Binary/b-1",
        "b-1",
    ],
)
@pytest.mark.duty("DO-001")
async def test_any_other_address_is_refused_and_nothing_is_called(
    documents: Documents, services: World, location: str
):
    with pytest.raises(Refused) as refused:
        await documents.retrieve(location, Kept())
    assert refused.value.code is FailureCode.RESOURCE_NOT_FOUND
    assert refused.value.detail == "location_outside_documents_root"
    assert services.of("practice") == []


@pytest.mark.duty("DO-017", "DO-018")
async def test_the_version_is_asked_for_once_in_a_while(gpconnect: GpConnect, services: World):
    services.practice = statement("1.6.2")
    for encounter in ("e-1", "e-2"):
        at = gpconnect.documents(PRACTICE, requested_by=requester(), encounter_id=encounter)
        assert await gpconnect.documents_version(at) == "1.6.2"
    (request,) = services.of("practice")
    assert request.target == f"/{ROOT}/metadata"
    assert request.headers["ssp-interactionid"] == PREFIX + "read:metadata-1"
    assert claims(request)["requested_scope"] == "organization/*.read"


@pytest.mark.duty("DO-017")
async def test_another_major_version_is_not_spoken_to(
    gpconnect: GpConnect, documents: Documents, services: World
):
    services.practice = statement("2.0.0")
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            await gpconnect.documents_version(documents)
        assert refused.value.code is FailureCode.PRACTICE_NOT_ENABLED


@pytest.mark.parametrize(
    "reply",
    [
        statement(None),
        bundle(),
        answer([], content_type=FHIR),
        answer({"resourceType": "OperationOutcome"}, status=501, content_type=FHIR),
        answer(b"<html>", status=500, content_type="text/html"),
    ],
)
async def test_a_practice_that_states_no_version_is_asked_all_the_same(
    gpconnect: GpConnect, documents: Documents, services: World, reply: bytes | Callable[[Request], bytes]
):
    services.practice = reply
    assert await gpconnect.documents_version(documents) is None
