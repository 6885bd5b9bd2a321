"""What the sandbox answers for each of its patients, byte for byte, and the records that come of it."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from bridge.record.sections import SECTIONS
from bridge.sandbox import Rotas, SandboxOptions, running
from bridge.sandbox.care_record.cases import CASES
from bridge.sandbox.scenarios import SCENARIOS
from bridge.sandbox.world import PRACTICES
from tests.contract.golden.digests import compare, digest
from tests.contract.golden.test_corpus import record
from tests.integration.sandbox.consumer import RECORD, Consumer, unsigned
from tests.integration.sandbox.reception import Reception, window
from tests.integration.sandbox.test_care_record import MEDIA_TYPE, claims, parameters
from tests.integration.sandbox.test_care_record import RECORD as CARE_RECORD

DIGESTS = Path(__file__).with_name("sandbox.txt")
NOW = datetime(2026, 3, 9, 7, 0, tzinfo=UTC)
DAYS = [("start", "ge2026-03-09"), ("end", "le2026-03-20"), *window()[2:]]
ROOTS = ("A99001", "A99002", "A99003")


@pytest.fixture
async def consumer(tmp_path: Path) -> AsyncIterator[Consumer]:
    options = SandboxOptions(
        state_dir=tmp_path, scenario_faults=False, rotas=Rotas(weeks=2, clock=lambda: NOW)
    )
    async with running(options) as sandbox, httpx.AsyncClient(timeout=30, trust_env=False) as http:
        yield Consumer(sandbox, http)


async def of_patients(consumer: Consumer) -> AsyncIterator[tuple[str, bytes]]:
    for scenario in SCENARIOS:
        traced = await consumer.pds(scenario.nhs_number)
        yield f"{scenario.name} pds", traced.content
        if scenario.practice.ods not in ROOTS:
            continue
        root, asid = await consumer.route(scenario.practice.ods)
        answer = await consumer.record(scenario.nhs_number, root=root, asid=asid)
        yield f"{scenario.name} structured", answer.content
        if answer.status_code == 200:
            yield f"{scenario.name} record", record(answer.content)


async def sections(consumer: Consumer) -> AsyncIterator[tuple[str, bytes]]:
    for scenario in SCENARIOS:
        if scenario.name not in {"rich_record", *CASES}:
            continue
        root, asid = await consumer.route(scenario.practice.ods, CARE_RECORD)
        for section in SECTIONS:
            answer = await consumer.record(
                scenario.nhs_number,
                root=root,
                asid=asid,
                token=unsigned(claims(scenario.nhs_number)),
                body=json.dumps(parameters(scenario.nhs_number, section)).encode(),
                path="/Patient/$gpc.getcarerecord",
                interaction=CARE_RECORD,
                headers={"accept": MEDIA_TYPE, "content-type": f"{MEDIA_TYPE};charset=utf-8"},
            )
            yield f"{scenario.name} {section}", answer.content


async def of_practices(consumer: Consumer) -> AsyncIterator[tuple[str, bytes]]:
    for practice in PRACTICES:
        reception = Reception(consumer, practice.ods)
        yield f"{practice.ods} slots", (await reception.search(DAYS)).content
        for kind in ("Endpoint", "Device"):
            yield f"{practice.ods} {kind}", (await consumer.sds(kind, *_asked(practice.ods))).content


def _asked(ods: str) -> list[tuple[str, str]]:
    system = "https://fhir.nhs.uk/Id"
    return [
        ("organization", f"{system}/ods-organization-code|{ods}"),
        ("identifier", f"{system}/nhsServiceInteractionId|{RECORD}"),
    ]


async def test_answers_of_the_sandbox_are_as_before(consumer: Consumer) -> None:
    found: dict[str, str] = {}
    for source in (of_patients, sections, of_practices):
        async for name, body in source(consumer):
            found[name] = digest(body)
    compare(DIGESTS, found)
