"""Calls on a practice: whom they are sent to, as whom, with which headers and tokens."""

import asyncio
import hashlib
import logging
import uuid
from pathlib import Path
from typing import Any

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from bridge.errors import FailureCode, Misconfigured, Refused, ResponseInvalid, Unavailable
from bridge.gpconnect import GpConnect
from bridge.spine import Spine, interactions
from bridge.spine.bulkhead import Circuit, Policy, PracticeBulkheads
from bridge.spine.interactions import (
    STRUCTURED_RECORD,
    Interaction,
)
from bridge.spine.proxy import Proxy, Sender
from tests.integration.spine import world as worlds
from tests.integration.spine.practice_calls import V1_SYSTEM, ask, failure
from tests.integration.spine.world import (
    ASID,
    NHS_NUMBER,
    OWN_ASID,
    PRACTICE,
    WANTED,
    World,
    claims,
    device,
    outcome,
    patient,
    pds_patient,
    requester,
    searchset,
)
from tests.support.http_server import Request, answer


@pytest.mark.duty(
    "SP-002", "SP-004", "SP-016", "SP-030", "SP-039", "SP-042", "CS-001", "CS-002", "CS-005", "CS-027"
)
async def test_patient_endpoint_system_and_then_the_call(gpconnect: GpConnect, world: World):
    traced = await gpconnect.trace(patient(), requested_by=requester())
    got = await gpconnect.structured_record(traced, wanted=WANTED, requested_by=requester())

    assert world.seen == ["token", "pds", "sds.own", "sds.endpoint", "sds.device", "practice"]
    assert got.bundle() == {"resourceType": "Bundle", "entry": []}
    assert got.practice_ods == PRACTICE
    assert got.body_sha256 == hashlib.sha256(got.body).hexdigest()


@pytest.mark.duty("CS-007")
async def test_the_current_number_is_the_one_that_is_sent(gpconnect: GpConnect, world: World):
    world.pds = answer(pds_patient(id="9990000026"))
    traced = await gpconnect.trace(patient(), requested_by=requester())
    await gpconnect.structured_record(traced, wanted=WANTED, requested_by=requester())

    (request,) = world.of("practice")
    assert b"9990000026" in request.body
    assert NHS_NUMBER.encode() not in request.body


@pytest.mark.duty(
    "SP-032",
    "SP-033",
    "SP-060",
    "SP-066",
    "SP-091",
    "SP-092",
    "SP-100",
    "CS-016",
    "CS-019",
    "CS-031",
    "JO-031",
)
async def test_the_headers_of_a_call(gpconnect: GpConnect, world: World):
    got = await ask(gpconnect)

    (request,) = world.of("practice")
    headers = dict(request.headers)
    assert request.method == "POST"
    assert headers.pop("authorization").startswith("Bearer ey")
    assert headers.pop("authorization", None) is None
    assert uuid.UUID(headers.pop("ssp-traceid")) == uuid.UUID(got.trace_id)
    assert headers == {
        "host": f"localhost:{world.server.port}",
        "accept": "application/fhir+json;charset=utf-8",
        "accept-encoding": "gzip",
        "content-type": "application/fhir+json;charset=utf-8",
        "content-length": str(len(request.body)),
        "ssp-from": OWN_ASID,
        "ssp-to": ASID,
        "ssp-interactionid": STRUCTURED_RECORD.id,
    }


@pytest.mark.duty("SP-032", "SP-061")
async def test_every_attempt_has_its_own_trace_id_and_its_own_token(spine: Spine, world: World):
    practice = await spine.sds.practice(PRACTICE, STRUCTURED_RECORD)
    ticks = iter((1_800_000_000.9, 1_800_000_007.1))
    async with worlds.upstream("ssp") as upstream:
        proxy = Proxy(
            upstream,
            issuer=worlds.ISSUER,
            url=world.server.url,
            allowed_hosts=("gp.example.nhs.uk",),
            plain_http=False,
            bulkheads=PracticeBulkheads(Policy(failures=5, pause=30)),
            clock=lambda: next(ticks),
        )
        first, second = [
            await proxy.call(practice, STRUCTURED_RECORD, sender=Sender(OWN_ASID, requester()))
            for _ in range(2)
        ]

    assert first.trace_id != second.trace_id
    assert [claims(request)["iat"] for request in world.of("practice")] == [1_800_000_000, 1_800_000_007]


@pytest.mark.duty("SP-033", "CS-016")
async def test_two_hospitals_on_one_installation_ask_as_themselves(gpconnect: GpConnect, world: World):
    world.own_devices = lambda request: searchset(device("111" if "RXX" in request.target else "222"))
    for ods in ("RXX", "RYY"):
        await ask(gpconnect, requested_by=requester(ods))

    assert [
        (request.headers["ssp-from"], claims(request)["requesting_organization"]["identifier"][0]["value"])
        for request in world.of("practice")
    ] == [("111", "RXX"), ("222", "RYY")]


@pytest.mark.duty("SP-033")
async def test_an_organisation_that_is_not_configured_is_refused(gpconnect: GpConnect, world: World):
    stranger = requester("RZZ")

    refused = await failure(gpconnect, requested_by=stranger)

    assert (refused.code, refused.detail) == (FailureCode.CONFIGURATION, "organisation_not_configured")
    assert world.seen == []


@pytest.mark.duty("SP-015")
async def test_an_encounter_belongs_to_one_user_and_one_patient(gpconnect: GpConnect, world: World):
    for _ in range(2):
        await ask(gpconnect, encounter_id="e-1")
    assert len(world.of("sds.endpoint")) == 1
    await ask(gpconnect, encounter_id="e-1", requested_by=requester(user_id="u-2"))
    assert len(world.of("sds.endpoint")) == 2
    await ask(gpconnect)
    assert len(world.of("sds.endpoint")) == 3


@pytest.mark.duty("SP-040", "CS-032", "DO-019", "DO-020", "DO-021")
def test_no_interaction_migrates_a_record_or_a_document():
    known = [each for each in vars(interactions).values() if isinstance(each, Interaction)]

    assert len(known) > 20
    assert {interaction.method for interaction in known} <= {"GET", "POST", "PUT"}
    assert not any("migrate" in interaction.id for interaction in known)
    assert not any("conf/R" in interaction.scope for interaction in known)


async def test_nothing_about_the_patient_is_in_any_log(
    gpconnect: GpConnect, world: World, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    world.practice = answer(outcome(f"Patient {NHS_NUMBER} O'Brien", system=V1_SYSTEM), status=404)
    with structlog.testing.capture_logs() as lines:
        await gpconnect.trace(patient(), requested_by=requester())
        await failure(gpconnect)

    assert {line["upstream"] for line in lines if line["event"] == "upstream_call"} == {"pds", "sds", "ssp"}
    text = f"{lines}{caplog.text}"
    assert not any(secret in text for secret in (NHS_NUMBER, "Brien", "token-1", "sds-key", "ey"))


async def test_many_requests_are_in_flight_at_once(gpconnect: GpConnect, world: World):
    arrived = asyncio.Event()
    waiting = 0

    async def handle(request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal waiting
        if request.target.startswith("/https:"):
            waiting += 1
            if waiting == 40:
                arrived.set()
            await arrived.wait()
        await world.handle(request, writer)

    world.server._handler = handle
    answers = await asyncio.gather(*(ask(gpconnect) for _ in range(40)))

    assert len({got.trace_id for got in answers}) == 40


@pytest.mark.parametrize(
    ("group", "name", "variable"),
    [
        ("pds", "url", "BRIDGE_PDS_URL"),
        ("pds", "key_file", "BRIDGE_PDS_KEY_FILE"),
        ("sds", "api_key", "BRIDGE_SDS_API_KEY"),
        ("consumer", "device_id", "BRIDGE_CONSUMER_DEVICE_ID"),
    ],
)
async def test_a_setting_that_is_missing_is_named(world: World, group: str, name: str, variable: str):
    section = getattr(world.settings, group).model_copy(update={name: None})
    with pytest.raises(Misconfigured, match=variable):
        async with Spine.open(world.settings.model_copy(update={group: section})):
            pass


async def test_a_key_that_is_no_key_is_named(world: World, tmp_path: Path):
    (tmp_path / "key.pem").write_text("not a key")
    pds = world.settings.pds.model_copy(update={"key_file": tmp_path / "key.pem"})
    with pytest.raises(Misconfigured, match="BRIDGE_PDS_KEY_FILE"):
        async with Spine.open(world.settings.model_copy(update={"pds": pds})):
            pass


async def test_a_key_whose_halves_do_not_belong_together_is_named(world: World, tmp_path: Path):
    assert world.settings.pds.key_file is not None
    key: Any = load_pem_private_key(world.settings.pds.key_file.read_bytes(), password=None)
    numbers = key.private_numbers()
    other = RSAPublicNumbers(numbers.public_numbers.e + 2, numbers.public_numbers.n)
    parts = {name: getattr(numbers, name) for name in ("p", "q", "d", "dmp1", "dmq1", "iqmp")}
    damaged = RSAPrivateNumbers(public_numbers=other, **parts).private_key(
        unsafe_skip_rsa_key_validation=True
    )
    (tmp_path / "key.pem").write_bytes(
        damaged.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    pds = world.settings.pds.model_copy(update={"key_file": tmp_path / "key.pem"})
    with pytest.raises(Misconfigured, match="BRIDGE_PDS_KEY_FILE: the key is damaged"):
        async with Spine.open(world.settings.model_copy(update={"pds": pds})):
            pass


def test_refusals_are_not_retried_by_class():
    assert (Refused.retryable, ResponseInvalid.retryable, Unavailable.retryable) == (False, False, True)


async def test_a_token_too_long_for_a_header_is_never_sent_and_no_fault_of_the_proxy(world: World):
    consumer = world.settings.consumer.model_copy(
        update={"identifier_system": "https://x.example/" + "y" * 3000}
    )
    async with Spine.open(world.settings.model_copy(update={"consumer": consumer})) as spine:
        gpconnect = GpConnect(spine)
        traced = await gpconnect.trace(patient(), requested_by=requester())
        for _ in range(10):
            with pytest.raises(Refused, match="token_too_long"):
                await gpconnect.structured_record(traced, wanted=WANTED, requested_by=requester())

        assert {facts.circuit for facts in spine.bulkheads()} == {Circuit.CLOSED}
