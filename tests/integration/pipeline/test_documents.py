"""Documents on the bus: which there are, and each of them into the vault, on RabbitMQ and on NATS."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from bridge.sandbox import BY_NAME, FaultKind, InjectedFault
from bridge.sandbox.documents.shelf import LIMIT, binary_id
from tests.integration.pipeline.conftest import running_engine
from tests.support.documents import FOUND, RETRIEVED, Records, as_asked, claims_settings, on_shelf, shelf
from tests.support.requests import cloud_event, record_request
from tests.support.without_bus import without_bus

pytestmark = pytest.mark.asyncio(loop_scope="module")

WITHOUT_BUS = pytest.mark.parametrize("installation", ["none"], indirect=True)
"""For what a bus has no part in."""
EXAMPLES = Path(__file__).parents[3] / "pipelines" / "examples"
FAILED, REJECTED = "request.failed.v1", "request.rejected.v1"
SEARCHED = ["read:metadata-1", "search:patient-1", "search:documentreference-1"]
READ = ["read:binary-1"]


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[pytest.param("rabbit", marks=pytest.mark.rabbit), pytest.param("nats", marks=pytest.mark.nats)],
)
async def installation(request, sandbox, tmp_path_factory):
    """One worker per bus, and one without, for the whole module: each request has an id of its own."""
    settings, token = claims_settings(tmp_path_factory.mktemp("claims"))
    if request.param == "none":
        async with without_bus("documents", settings=settings) as started:
            yield Records(started.sandbox, started.hospital, token)
        return
    url = request.getfixturevalue(f"{request.param}_url")
    folder = tmp_path_factory.mktemp("documents")
    async with running_engine(sandbox, url, folder, "documents", settings) as started:
        yield Records(started.sandbox, started.hospital, token)


@pytest.fixture
def records(installation):
    """The installation, with a sandbox that is as at its start."""
    installation.sandbox.reset()
    return installation


def code(event):
    kind, data = event
    return kind, data["code"], data.get("detail")


@pytest.mark.duty("DO-001", "DO-002", "DO-003", "DO-004", "DO-006", "DO-007", "DO-008", "DO-014", "DO-023")
async def test_documents_are_found_fetched_and_are_what_the_practice_holds(records):
    kind, found = await records.find("documents")
    assert kind == FOUND
    assert found["demographics"]["verdict"] == "accept"
    assert (found["holder_ods"], found["spec_version"]) == ("A99001", "1.6.2")
    assert [issue["code"] for issue in found["issues"]] == ["dangling_reference"]
    assert found["accounting"] == {
        "received": 9,
        "mapped": 4,
        "context": 5,
        "not_requested": 0,
        "unmapped": 0,
    }
    by_name = await records.documents("documents")
    assert [each["item_id"] for each in found["documents"]] == [
        each["item_id"] for each in sorted(by_name.values(), key=newest, reverse=True)
    ]
    for name, document in by_name.items():
        filed = on_shelf("documents", name)
        kind, data = await records.retrieve("documents", **as_asked(document))
        assert kind == RETRIEVED
        answer = await records.fetch(data["content"]["url"])
        assert answer.content == filed.bytes()
        assert data["content"]["sha256"] == data["sha256"] == hashlib.sha256(answer.content).hexdigest()
        assert data["content"]["size_bytes"] == data["size_bytes"] == filed.size
        assert (data["size_as_told"], data["type_as_told"], data["type_verdict"]) == (True, True, "agrees")
        assert data["content_type"] == data["content"]["content_type"] == filed.sent_type
        assert data["scan"] == {"verdict": "not_scanned", "reason": "not_configured"}
        assert data["business_ids"] == document["provenance"]["business_ids"] != []
        assert datetime.fromisoformat(data["content"]["expires_at"]) > datetime.now(UTC)
    assert records.calls("documents") == [*SEARCHED, *SEARCHED[1:], *READ * 4] or records.calls(
        "documents"
    ) == [*SEARCHED[1:], *SEARCHED[1:], *READ * 4]  # the version is asked for once in a while


def newest(document):
    return (document.get("created_at") or document["indexed_at"])["value"]


async def test_a_document_is_handed_out_so_that_no_browser_shows_it(records):
    _, data = await records.document("documents", "letter")
    answer = await records.fetch(data["content"]["url"])
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["cache-control"] == "no-store"
    assert (await records.fetch(data["content"]["url"] + "0")).status_code == 404


@WITHOUT_BUS
async def test_what_is_known_about_documents_is_told(records):
    found = await records.documents("documents")
    letter, discharge, note, scan = (found[name] for name in ("letter", "discharge", "note", "scan"))
    assert {name: each["origin"] for name, each in found.items()} == {
        "letter": "internal",
        "discharge": "external",
        "note": "internal",
        "scan": "unknown",
    }
    assert letter["type"]["concept_id"] == "823681000000100"
    assert discharge["author"]["organisation_ods"] == "RZZ01"
    assert discharge["created_at"] == {"value": "2024-05-20T16:00:00+01:00", "precision": "instant"}
    assert note["created_at"]["precision"] == "day"
    assert note["author"]["role"]
    assert (note["type"]["term"], note["type"]["coding_quality"]) == ("Typed note", "text_only")
    assert "created_at" not in scan
    assert scan["author"]["kind"] == "organisation"
    assert scan["issue_codes"] == ["dangling_reference"]
    (bare,) = (await records.documents("documents_bare")).values()
    assert not {"description", "created_at", "author", "custodian"} & set(bare)
    assert (bare["origin"], bare["retrievable"]) == ("unknown", True)


@WITHOUT_BUS
@pytest.mark.parametrize(
    ("narrowed", "names"),
    [
        pytest.param(
            {"period": {"start": "2024-05-01"}}, ["discharge"], marks=pytest.mark.duty("DO-009", "DO-010")
        ),
        pytest.param({"period": {"end": "2022-01-15"}}, ["scan"], marks=pytest.mark.duty("DO-009", "DO-011")),
        pytest.param(
            {"period": {"start": "2023-11-02", "end": "2024-03-05"}},
            ["letter", "note"],
            marks=pytest.mark.duty("DO-012"),
        ),
        pytest.param({"author_ods_code": "RZZ01"}, ["discharge"], marks=pytest.mark.duty("DO-009", "DO-013")),
        pytest.param({"words": "chest pain"}, ["discharge"], marks=pytest.mark.duty("DO-009")),
        pytest.param({"words": "typed"}, ["note"]),
        pytest.param({"words": "no such & word|+"}, [], marks=pytest.mark.duty("DO-004")),
    ],
)
async def test_a_search_may_be_narrowed_and_says_by_what(records, narrowed, names):
    assert sorted(await records.documents("documents", **narrowed)) == names
    _, data = await records.find("documents", **narrowed)
    flat = {**narrowed.get("period", {}), **{key: each for key, each in narrowed.items() if key != "period"}}
    assert data["searched"] == flat


@WITHOUT_BUS
@pytest.mark.duty("DO-016", "CS-058", "SP-104")
async def test_a_label_in_either_place_is_told_and_goes_on_with_the_document(records):
    found = await records.documents("documents_not_for_patient")
    assert {name: each["not_for_patient"] for name, each in found.items()} == {
        "on_reference": True,
        "on_document": True,
        "on_both": True,
        "on_neither": False,
    }
    assert (found["on_document"]["document_labels"], found["on_reference"]["document_labels"]) == (
        ["NOPAT"],
        [],
    )
    _, data = await records.document("documents_not_for_patient", "on_document")
    assert (data["not_for_patient"], data["security_labels"]) == (True, ["NOPAT"])
    location = found["on_both"]["location"]
    _, unsaid = await records.retrieve("documents_not_for_patient", location=location)
    assert "not_for_patient" not in unsaid


@WITHOUT_BUS
@pytest.mark.duty("DO-024", "DO-025")
async def test_a_placeholder_exists_and_asking_for_it_ends_with_the_practices_words(records):
    found = await records.documents("documents_placeholders")
    missing, large = found["missing"], found["too_large"]
    assert (missing["retrievable"], large["retrievable"]) == (False, False)
    assert large["size_bytes"] == 30 * 1024 * 1024
    assert missing["unavailable_reason"] == "File not found on the practice's system"
    calls = records.calls("documents_placeholders")
    for document in (missing, large):
        event = await records.retrieve("documents_placeholders", **as_asked(document))
        assert code(event) == (FAILED, "resource_not_found", "document_unavailable")
        assert event[1]["practice_words"] == document["unavailable_reason"]
    assert records.calls("documents_placeholders") == calls


@WITHOUT_BUS
async def test_documents_up_to_the_limit_come_and_none_over_it(records):
    kind, data = await records.document("documents_sizes", "large")
    assert (kind, data["size_bytes"]) == (RETRIEVED, 4_900_000)
    assert (await records.fetch(data["content"]["url"])).content == on_shelf(
        "documents_sizes", "large"
    ).bytes()

    calls = len(records.calls("documents_sizes"))
    too_large = (FAILED, "configuration", "document_too_large")
    event = await records.retrieve("documents_sizes", location="http://x/Binary/1", size_bytes=LIMIT + 1)
    assert code(event) == too_large
    assert len(records.calls("documents_sizes")) == calls
    assert code(await records.document("documents_untrue", "secretly_large")) == too_large


@WITHOUT_BUS
async def test_a_document_that_the_practice_does_not_give_out(records):
    letter = (await records.documents("documents_placeholders"))["letter"]
    event = await records.retrieve("documents_placeholders", location=letter["location"] + "0")
    assert code(event) == (FAILED, "resource_not_found", "code=NO_RECORD_FOUND")


@WITHOUT_BUS
@pytest.mark.duty("DO-001", "DO-005")
@pytest.mark.parametrize(
    "change",
    [
        lambda location: location.replace("http://127.0.0.1", "http://localhost"),
        lambda location: location.replace("/A99001/", "/A99002/"),
        lambda location: location.replace("/documents/", "/"),
        lambda location: location.replace("/Binary/", "/binary/"),
        lambda location: location.replace("/Binary/", "/Binary/../Patient/"),
        lambda location: location + "?_format=xml",
        lambda location: location.replace("http:", "file:"),
        lambda location: location.rpartition("/")[2],
    ],
)
async def test_an_address_outside_of_the_documents_root_is_never_called(records, change):
    location = (await records.documents("documents"))["letter"]["location"]
    calls = len(records.sandbox.calls.of("practice"))
    event = await records.retrieve("documents", location=change(location))
    assert code(event) == (FAILED, "resource_not_found", "location_outside_documents_root")
    assert len(records.sandbox.calls.of("practice")) == calls


@WITHOUT_BUS
async def test_what_a_document_is_called_is_held_against_what_it_is(records):
    _, page = await records.document("documents_untrue", "page")
    assert (page["content_type"], page["sniffed_type"], page["type_verdict"]) == (
        "application/pdf",
        "text/html",
        "differs",
    )
    assert page["content"]["content_type"] == "application/octet-stream"
    assert (await records.fetch(page["content"]["url"])).headers["content-type"] == "application/octet-stream"
    _, other = await records.document("documents_untrue", "other_type")
    assert (other["type_verdict"], other["type_as_told"]) == ("differs", False)
    _, size = await records.document("documents_untrue", "other_size")
    assert (size["size_as_told"], size["size_bytes"]) == (False, 1024)


@WITHOUT_BUS
@pytest.mark.parametrize("name", ["in_lines", "escaped"])
async def test_a_binary_may_be_written_in_other_ways(records, name):
    _, data = await records.document("documents_untrue", name)
    assert (await records.fetch(data["content"]["url"])).content == on_shelf("documents_untrue", name).bytes()


@WITHOUT_BUS
@pytest.mark.parametrize(
    ("name", "detail"),
    [("ends_early", "truncated"), ("no_base64", "content_not_base64"), ("empty", "content_empty")],
)
async def test_what_is_no_whole_document_is_none(records, name, detail):
    assert code(await records.document("documents_untrue", name)) == (FAILED, "response_invalid", detail)


@WITHOUT_BUS
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (FaultKind.CUT_JSON, ("response_invalid", "truncated")),
        (FaultKind.CONTENT_TYPE, ("response_invalid", "content_type")),
        (FaultKind.EMPTY_OBJECT, ("response_invalid", "not_a_binary")),
        (FaultKind.OUTCOME, ("response_invalid", "not_a_binary")),
        (FaultKind.HTML, ("provider_error", None)),
        (FaultKind.TRUNCATE, ("spine_error", "protocol_broken")),
    ],
)
async def test_an_answer_that_is_spoilt_on_its_way(records, fault, expected):
    number = BY_NAME["documents"].nhs_number
    records.sandbox.fault(number, InjectedFault(fault, on=("document",)))
    kind, data = await records.document("documents", "discharge")
    assert (kind, data["code"]) == (FAILED, expected[0])
    assert expected[1] in (None, data.get("detail"))


@WITHOUT_BUS
async def test_a_transfer_that_breaks_off_is_tried_again(records):
    number = BY_NAME["documents"].nhs_number
    records.sandbox.fault(number, InjectedFault(FaultKind.TRUNCATE, on=("document",), times=1))
    kind, data = await records.document("documents", "discharge")
    assert kind == RETRIEVED
    answer = await records.fetch(data["content"]["url"])
    assert answer.content == on_shelf("documents", "discharge").bytes()


@pytest.mark.duty("DO-026")
@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ("documents_not_gms", ("patient_not_found", "no_match")),
        ("documents_died_long_ago", ("patient_not_found", None)),
        ("documents_dissent", ("sharing_refused", None)),
        ("deceased", ("patient_deceased", None)),
        ("restricted", ("patient_restricted", None)),
        ("capability_off", ("practice_not_enabled", None)),
        ("inherited_fields", ("practice_not_enabled", None)),  # a practice of version 1.2
    ],
)
async def test_of_whom_there_are_no_documents(records, scenario, expected):
    kind, data = await records.find(scenario)
    assert (kind, data["code"]) == (FAILED, expected[0])
    assert expected[1] in (None, data.get("detail"))


@WITHOUT_BUS
async def test_a_document_of_somebody_who_died_or_dissents_meanwhile(records):
    died = await records.documents("documents_died_recently")
    assert len(died) == 1
    _, data = await records.find("documents_died_recently")
    assert data["patient_deceased_at"]["precision"] == "instant"
    root = next(iter(died.values()))["location"].rpartition("/")[0]
    for scenario, expected in (
        ("documents_died_long_ago", "patient_not_found"),
        ("documents_dissent", "sharing_refused"),
    ):
        (filed,) = shelf(scenario)
        one = BY_NAME[scenario]
        location = f"{root}/{binary_of(one, filed.name)}"
        kind, data = await records.retrieve(scenario, location=location)
        assert (kind, data["code"]) == (FAILED, expected)


def binary_of(scenario, name):

    return binary_id(scenario.practice.ods, scenario.nhs_number, name)


@WITHOUT_BUS
async def test_nothing_found_is_said_as_such(records):
    kind, data = await records.find("rich_record")
    assert (kind, data["documents"]) == (FOUND, [])


@WITHOUT_BUS
@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"location": "http://x y/Binary/1"}, "data.location"),
        ({"size_bytes": -1}, "data.size_bytes"),
        ({"content_type": "text/plain\n"}, "data.content_type"),
        ({"url": "http://x/Binary/1"}, "data.url"),
    ],
)
async def test_a_request_that_cannot_be_one_names_the_field(records, asked, field):
    kind, data = await records.retrieve("documents", **asked)
    assert kind == REJECTED
    assert [fault["field"] for fault in data["faults"]] == [field]


async def test_the_examples_are_sent_as_they_are(records):
    for kind in ("documents", "document"):
        request = json.loads((EXAMPLES / f"{kind}.requested.json").read_text())
        key = request["type"].removeprefix("uk.nhs.gpconnect.")
        if kind == "document":
            found = (await records.documents("documents"))["discharge"]
            request["data"]["location"] = found["location"]
        await records.hospital.ask(request, key=key)
        ((told, _),) = await records.hospital.outcome(request["id"])
        assert told == {"documents": FOUND, "document": RETRIEVED}[kind]


@pytest.mark.rabbit
@pytest.mark.duty("DO-014")
@pytest.mark.parametrize("area", ["referrals", "consultations"])
async def test_a_document_that_a_record_names_is_fetched_by_the_address_it_came_with(
    sandbox, rabbit_url, tmp_path, area
):
    sandbox.reset()
    settings, token = claims_settings(tmp_path)
    names = ["structured_record", "documents"]
    async with running_engine(sandbox, rabbit_url, tmp_path / "state", names, settings) as started:
        records = Records(started.sandbox, started.hospital, token)
        request = cloud_event(record_request(BY_NAME["whole_record"].nhs_number, areas={area: {}}))
        await records.hospital.ask(request)
        events = dict(await records.hospital.outcome(request["id"]))
        [document] = events["documents.published.v1"]["data"]["items"]
        assert document["linked_only"] is True
        kind, data = await records.retrieve("whole_record", **as_asked(document))
        assert kind == RETRIEVED, data
        answer = await records.fetch(data["content"]["url"])
    [filed] = shelf("whole_record")
    assert answer.content == filed.bytes()
    assert data["sha256"] == hashlib.sha256(filed.bytes()).hexdigest()
    assert (data["size_as_told"], data["type_as_told"]) == (True, True)
    assert data["business_ids"] == document["provenance"]["business_ids"] != []


async def test_without_claim_checks_no_document_is_fetched(tmp_path):
    async with without_bus("documents") as started:
        records = Records(started.sandbox, started.hospital, "")
        event = await records.document("documents", "letter")
        assert code(event) == (FAILED, "configuration", "claims_not_configured")
        assert READ[0] not in records.calls("documents")
