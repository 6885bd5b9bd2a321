"""The listener: what it says to a message, what it asks for, and the bounds around whoever sends."""

import asyncio
import contextlib
import json
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import hl7
import hl7.client
import pytest
import pytest_asyncio

from bridge.bus import open_bus
from bridge.bus.port import Bus, QueueSpec
from bridge.contracts.requests import Requester
from bridge.engine.incoming import envelope_of
from bridge.engine.mllp.running import taking_triggers
from bridge.engine.mllp.starting import check_listener
from bridge.errors import Misconfigured
from bridge.pipelines.requests import RecordRequest
from tests.integration.bus.transport import Taking, acknowledge
from tests.support.bus_sites import until
from tests.support.certificates import Authority
from tests.support.mllp import END, NHS_NUMBER, START, USERS, adt, settings_of
from tests.support.ports import free_port

pytestmark = [pytest.mark.nats, pytest.mark.asyncio(loop_scope="module")]
KEY = "record.requested.v1"


@dataclass
class Requests:
    """A bus, and all requests for records that came on it."""

    bus: Bus
    taken: Taking

    async def asked(self, request_id: str) -> RecordRequest:
        """The request of that id, as a worker reads it."""
        await until(lambda: any(each.id == request_id for each in self.taken.deliveries))
        delivery = next(each for each in self.taken.deliveries if each.id == request_id)
        return envelope_of(delivery).request(RecordRequest)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def requests(nats_url, folder):
    settings = settings_of(folder, BRIDGE_BUS_URL=nats_url, BRIDGE_BUS_PREFIX=f"t{uuid4().hex[:8]}")
    async with open_bus(settings) as bus:
        queue = QueueSpec(f"{settings.bus.prefix}.structured_record", (KEY,))
        await bus.declare(queue)
        taken = Taking(acknowledge)
        await bus.receive(queue, taken, concurrency=5)
        yield Requests(bus, taken)


@asynccontextmanager
async def listener(folder, bus, **settings):
    loaded = settings_of(folder, BRIDGE_LISTENER_PORT=str(free_port()), **settings)
    async with taking_triggers(loaded, bus) as port:
        yield port


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def port(requests, folder):
    """A listener with small bounds, for all tests that need no other."""
    bounds = {
        "BRIDGE_LISTENER_MAX_BYTES": "2048",
        "BRIDGE_LISTENER_MAX_CONNECTIONS": "3",
        "BRIDGE_LISTENER_FRAME_SECONDS": "0.3",
    }
    async with listener(folder, requests.bus, **bounds) as opened:
        yield opened


async def exchange(port, *messages, tls=None):
    """What the listener says to each of these, sent one after the other on one connection."""
    reader, writer = await asyncio.open_connection("localhost", port, ssl=tls)
    answers = []
    try:
        for message in messages:
            writer.write(START + (message if isinstance(message, bytes) else message.encode()) + END)
            answers.append((await reader.readuntil(END))[1:-2].decode())
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return answers


def msa(answer):
    line = next(each for each in answer.split("\r") if each.startswith("MSA"))
    return line.split("|")[1:]


async def test_a_foreign_client_s_message_becomes_a_request_on_the_bus(requests, port):
    def send():
        with hl7.client.MLLPClient("127.0.0.1", port) as client:
            return client.send_message(hl7.parse(adt(control_id="A1")))

    answer = hl7.parse((await asyncio.to_thread(send)).decode()[1:-2])
    assert [str(answer.segment("MSA")[number]) for number in (1, 2)] == ["AA", "A1"]
    assert str(answer.segment("MSH")[9]) == "ACK^A01^ACK"
    assert [str(answer.segment("MSH")[number]) for number in (3, 5)] == ["GPCONNECT", "EPR"]
    request = await requests.asked(str(answer.segment("MSA")[3]).removeprefix("request "))
    assert request.patient.nhs_number == NHS_NUMBER
    assert request.requested_by == Requester.model_validate_json(json.dumps(USERS["DR481"]))
    assert request.encounter_id == "V4711"
    assert [area.name for area, _ in request.areas.wanted()] == ["medications", "allergies"]


async def test_the_same_message_is_the_same_request_and_another_sender_s_is_another(requests, port):
    first, again, other, *elsewhere = await exchange(
        port,
        adt(control_id="B1"),
        adt(control_id="B1"),
        adt(control_id="B2"),
        adt(control_id="B1").replace("|EPR|RZZ01|", "|PAS|RZZ01|"),
        adt(control_id="B1").replace("|EPR|RZZ01|", "|EPR^1.2.3^ISO|RZZ01|"),
        adt(control_id="B1").replace("|EPR|RZZ01|", "|EPR^1.2.4^ISO|RZZ01|"),
    )
    ids = [msa(answer)[2].removeprefix("request ") for answer in (first, again, other, *elsewhere)]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 5
    bodies = [each.body for each in requests.taken.deliveries if each.id == ids[0]]
    assert len({json.dumps(json.loads(body)["data"]) for body in bodies}) == 1


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        ({"header": {"event": "ADT^A03"}}, "MSH-9"),
        ({"header": {"event": "ORU^R01"}}, "MSH-9"),
        ({"header": {"processing": "T"}}, "MSH-11"),
        ({"header": {"control_id": ""}}, "MSH-10"),
        ({"header": {"control_id": "7^1"}}, "MSH-10"),
        ({"header": {"control_id": "7~1"}}, "MSH-10"),
        ({"header": {"charset": "UNICODE"}}, "MSH-18"),
        ({"PID": ""}, "PID"),
        ({"PID": "PID|1||H123^^^RZZ01^MR"}, "PID-3"),
        ({"PID": f"PID|1||{NHS_NUMBER}^^^RZZ01^NH"}, "PID-3"),
        ({"PID": "PID|1||9990000019^^^NHS^NH"}, "PID-3"),
        ({"PID": f"PID|1||{NHS_NUMBER}^^^NHS^NH~9990000026^^^NHS^NH"}, "PID-3"),
        ({"EVN": "EVN|A01|20261129090000|||DR999"}, "EVN-5"),
        ({"EVN": "EVN|A01|20261129090000"}, "PV1-7"),
        ({"EVN": "EVN|A01|20261129090000", "PV1": "PV1|1|I"}, "EVN-5"),
        ({"MSH": "BHS|^~\\&|EPR"}, "BHS"),
        ({"MSH": "FHS|^~\\&|EPR"}, "FHS"),
        ({"MSH": "MSH|^~"}, "MSH-2"),
    ],
)
async def test_a_message_that_is_wrong_is_rejected_by_its_field_and_never_by_its_content(port, lines, field):
    lines = dict(lines)
    wrong = adt(**lines.pop("header", {}), lines=lines)
    [answer] = await exchange(port, wrong)
    word, _control_id, said = msa(answer)[:3]
    assert word == "AR"
    assert said.startswith(f"{field} "), said
    assert f"ERR|{field.partition('-')[0]}^1" in answer
    for content in (NHS_NUMBER, "99900000", "Testpatient", "Patel", "DR999", "DR900"):
        assert content not in answer


@pytest.mark.parametrize(
    "pid",
    [
        "PID|1||999 000 0018^^^NHS&2.16.840.1.113883.2.1.4.1&ISO^NH",
        "PID|1||9990000018^^^&2.16.840.1.113883.2.1.4.1&ISO",
        "PID|1||9990000018^^^NHS^NH~9990000018^^^NHS^NH",
    ],
)
async def test_an_nhs_number_is_found_by_its_authority_however_that_is_named(requests, port, pid):
    [answer] = await exchange(port, adt(control_id=uuid4().hex, lines={"PID": pid}))
    request = await requests.asked(msa(answer)[2].removeprefix("request "))
    assert request.patient.nhs_number == NHS_NUMBER


async def test_who_attends_is_the_user_where_the_event_names_nobody(requests, port):
    named = adt(control_id="C1", lines={"EVN": "EVN|A01|20261129090000", "PV1": "PV1|1|I|||||DR481"})
    [answer] = await exchange(port, named)
    request = await requests.asked(msa(answer)[2].removeprefix("request "))
    assert (request.requested_by.user_id, request.encounter_id) == ("u-481", None)


async def test_a_visit_that_would_carry_an_nhs_number_joins_nothing(requests, port):
    pv1 = f"PV1|1|I|||||DR481||||||||||||{NHS_NUMBER}"
    [answer] = await exchange(port, adt(control_id="C2", lines={"PV1": pv1}))
    assert (await requests.asked(msa(answer)[2].removeprefix("request "))).encounter_id is None


@pytest.mark.parametrize(("charset", "codec"), [("UNICODE UTF-8", "utf-8"), ("8859/1", "iso-8859-1")])
async def test_a_message_is_read_in_its_own_character_set(requests, port, charset, codec):
    pv1 = "PV1|1|I|||||DR481||||||||||||Bettenstra\N{LATIN SMALL LETTER SHARP S}e"
    sent = adt(control_id=uuid4().hex, charset=charset, lines={"PV1": pv1})
    [answer] = await exchange(port, sent.encode(codec))
    request = await requests.asked(msa(answer)[2].removeprefix("request "))
    assert request.encounter_id == "Bettenstra\N{LATIN SMALL LETTER SHARP S}e"


async def test_without_a_broker_that_holds_the_request_the_sender_is_to_send_again(folder, nats_url):
    settings = settings_of(folder, BRIDGE_BUS_URL=nats_url, BRIDGE_BUS_PREFIX=f"t{uuid4().hex[:8]}")
    async with open_bus(settings) as bus, listener(folder, bus) as opened:  # no worker has declared a queue
        [answer] = await exchange(opened, adt(control_id="D1"))
    assert msa(answer)[:2] == ["AE", "D1"]
    assert msa(answer)[2].startswith("unroutable: ")


async def test_a_message_that_is_too_large_too_slow_or_none_ends_its_connection_and_no_other(port):
    too_large = START + adt(lines={"ZZZ": "ZZZ|" + "x" * 4096}).encode() + END
    for sent in (
        too_large,
        START + b"MSH|",
        b"GET / HTTP/1.1\r\n\r\n",
        START + b"MSH|" + START + b"MSH|" + END,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        assert await reader.read() == b""
        writer.close()
    [answer] = await exchange(port, adt(control_id="E1"))
    assert msa(answer)[0] == "AA"


async def test_more_senders_than_there_is_room_for_are_turned_away(port):
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await reader.read() == b""
    for _, one in [*opened, (reader, writer)]:
        one.close()
        await one.wait_closed()

    async def there_is_room():
        try:
            return msa((await exchange(port, adt(control_id="E2")))[0])[0] == "AA"
        except (asyncio.IncompleteReadError, ConnectionError):
            return False

    await until(there_is_room)


async def test_a_connection_without_a_message_is_closed_in_the_end(folder, requests):
    async with listener(folder, requests.bus, BRIDGE_LISTENER_IDLE_SECONDS="0.2") as opened:
        reader, writer = await asyncio.open_connection("127.0.0.1", opened)
        assert await reader.read() == b""
        writer.close()


async def test_with_tls_only_clients_of_the_authority_are_heard(folder, requests, tmp_path):
    authority = Authority(tmp_path)
    ours, client = authority.issue("listener"), authority.issue("client")
    settings = {
        "BRIDGE_LISTENER_CERT_FILE": str(ours.cert_file),
        "BRIDGE_LISTENER_KEY_FILE": str(ours.key_file),
        "BRIDGE_LISTENER_CA_FILE": str(authority.ca_file),
    }
    known = ssl.create_default_context(cafile=str(authority.ca_file))
    known.load_cert_chain(client.cert_file, client.key_file)
    unknown = ssl.create_default_context(cafile=str(authority.ca_file))
    async with listener(folder, requests.bus, **settings) as opened:
        [answer] = await exchange(opened, adt(control_id="F1"), tls=known)
        assert msa(answer)[0] == "AA"
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await exchange(opened, adt(control_id="F2"), tls=unknown)
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await exchange(opened, adt(control_id="F3"))


async def test_all_faults_of_the_settings_are_told_at_once(folder, tmp_path):
    users = tmp_path / "users.json"
    settings = settings_of(
        folder, BRIDGE_LISTENER_AREAS="allergies,shoes", BRIDGE_LISTENER_CA_FILE=str(folder / "users.json")
    )
    with pytest.raises(Misconfigured) as fault:
        check_listener(settings)
    told = "\n".join(fault.value.problems)
    assert "BRIDGE_LISTENER_PORT: is required" in told
    assert "BRIDGE_LISTENER_AREAS: shoes" in told
    assert "BRIDGE_LISTENER_CA_FILE: is of no use" in told
    for content, rule in (
        ("{}", "names nobody"),
        ("[", "must be JSON"),
        ('{"DR481": {"user_id": "u"}}', "user 1: family_name"),
    ):
        users.write_text(content)
        with pytest.raises(Misconfigured, match=rule) as fault:
            async with listener(folder, None, BRIDGE_LISTENER_USERS_FILE=str(users)):
                pass
        assert "DR481" not in str(fault.value)
