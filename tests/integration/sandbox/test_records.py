"""Bundle files that somebody brings along."""

import json

import httpx
import pytest

from bridge.sandbox import BY_NAME, SandboxOptions, running
from tests.integration.sandbox.consumer import Consumer
from tests.integration.sandbox.reception import Reception, found

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = "9990001200"


def patient(number):
    return {
        "resourceType": "Patient",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number}],
        "name": [{"use": "official", "family": "Fromfile", "given": ["Fay"]}],
        "gender": "female",
        "birthDate": "1966-06-06",
    }


def bundle(number, **more):
    return {"resourceType": "Bundle", **more, "type": "collection", "entry": [{"resource": patient(number)}]}


@pytest.fixture
def folder(tmp_path):
    records = tmp_path / "records"
    records.mkdir()
    return records


async def test_a_file_is_served_as_it_is_and_its_patient_is_known(folder, state_dir, consumer):
    raw = json.dumps(bundle(NUMBER), indent=3).encode()
    (folder / "one.json").write_bytes(raw)
    async with running(SandboxOptions(state_dir=state_dir, records=folder)) as sandbox:
        other = Consumer(sandbox, consumer.http)
        traced = (await other.pds(NUMBER)).json()
        assert (traced["name"][0]["family"], traced["birthDate"]) == ("Fromfile", "1966-06-06")
        ods = traced["generalPractitioner"][0]["identifier"]["value"]
        assert (await other.record(NUMBER, ods=ods)).content == raw
        assert (await other.record("9990000018")).status_code == 200
        assert [file.name for file in sandbox.files] == ["one.json"]


async def test_an_id_of_the_file_gives_way_to_the_trace_id(folder, state_dir, consumer):
    (folder / "one.json").write_text(json.dumps(bundle(NUMBER, id="of-another-day")))
    async with running(SandboxOptions(state_dir=state_dir, records=folder)) as sandbox:
        answer = await Consumer(sandbox, consumer.http).record(NUMBER)
    assert answer.json() == bundle(NUMBER, id=answer.request.headers["ssp-traceid"])


async def test_a_file_takes_the_place_of_a_scenario(folder, state_dir, consumer):
    (folder / "one.json").write_text(json.dumps(bundle("9990000018")))
    async with running(SandboxOptions(state_dir=state_dir, records=folder)) as sandbox:
        other = Consumer(sandbox, consumer.http)
        assert (await other.pds("9990000018")).json()["name"][0]["family"] == "Fromfile"
        assert (await other.record("9990000018")).json() == bundle("9990000018")


async def test_what_cannot_be_served_is_reported_and_costs_nothing(folder, state_dir, consumer):
    (folder / "a-good.json").write_text(json.dumps(bundle(NUMBER)))
    (folder / "b-broken.json").write_text("{")
    (folder / "c-other.json").write_text('{"resourceType":"Patient"}')
    (folder / "d-nobody.json").write_text('{"resourceType":"Bundle","entry":[{"resource":null}]}')
    (folder / "e-again.json").write_text(json.dumps(bundle(NUMBER)))
    (folder / "f-unaskable.json").write_text(json.dumps(bundle("1234567890")))
    (folder / "a-search.json").write_text(json.dumps({**bundle(NUMBER), "type": "searchset"}))
    (folder / "g-binary.json").write_bytes(b"\xff\xfe\x00")
    async with running(SandboxOptions(state_dir=state_dir, records=folder)) as sandbox:
        assert {file.name: file.is_askable for file in sandbox.files} == {
            "a-good.json": True,
            "f-unaskable.json": False,
        }
        assert set(sandbox.unreadable) == {
            "a-search.json",
            "b-broken.json",
            "c-other.json",
            "d-nobody.json",
            "e-again.json",
            "g-binary.json",
        }
        assert NUMBER not in str(sandbox.unreadable)
        refused = await Consumer(sandbox, consumer.http).record("1234567890")
        assert refused.json()["issue"][0]["details"]["coding"][0]["code"] == "INVALID_NHS_NUMBER"


@pytest.mark.parametrize("relaxed", [False, True])
async def test_a_file_is_served_when_the_sandbox_is_relaxed_too(folder, state_dir, relaxed):
    (folder / "one.json").write_text(json.dumps(bundle(NUMBER)))
    options = SandboxOptions(state_dir=state_dir, records=folder, strict=not relaxed)
    async with running(options) as sandbox, httpx.AsyncClient(trust_env=False) as http:
        assert (await Consumer(sandbox, http).record(NUMBER)).json() == bundle(NUMBER)


async def test_a_file_moves_a_scenario_patient_and_people_without_scenario_come_besides(
    folder, state_dir, consumer
):
    moved = BY_NAME["inherited_fields"].nhs_number
    (folder / "one.json").write_text(json.dumps(bundle(moved)))
    options = SandboxOptions(state_dir=state_dir, records=folder, patients=3)
    async with running(options) as sandbox:
        here, there = (Reception(Consumer(sandbox, consumer.http), ods) for ods in ("A99001", "A99002"))
        assert found(await here.find(moved))[0]["name"][0]["family"] == "Fromfile"
        assert found(await there.find(moved)) == []
        assert [one.practice_ods for one in sandbox.crowd] == ["A99001", "A99002", "A99001"]
        for reception, one in zip((here, there, here), sandbox.crowd, strict=True):
            assert len(found(await reception.find(one.nhs_number))) == 1
            assert (await reception.consumer.pds(one.nhs_number)).status_code == 200
