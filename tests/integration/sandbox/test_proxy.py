"""The proxy: who may ask whom what, at which address, byte for byte (spine.md §4, §11.4)."""

import httpx
import pytest

from bridge.sandbox import BY_NAME, SandboxOptions, running
from tests.integration.sandbox.consumer import RECORD, Consumer

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = "9990000018"


def refusal(answer):
    (issue,) = answer.json()["issue"]
    (coding,) = issue["details"]["coding"]
    assert coding["code"] == str(answer.status_code)
    return answer.status_code, coding["system"].rsplit("/", 1)[1], issue["severity"], issue["diagnostics"]


SCHEDULE = "gpconnect-schedule-response-code-1-0"


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({"ssp-from": None}, "ASID_CHECK_FAILED_MESSAGESENDER_"),
        ({"ssp-from": "999900002501"}, "ASID_CHECK_FAILED_MESSAGESENDER_999900002501"),
        ({"ssp-interactionid": RECORD.upper()}, "ASID_CHECK_FAILED_MESSAGESENDER_999900002001"),
        ({"ssp-interactionid": None}, "ASID_CHECK_FAILED_MESSAGESENDER_999900002001"),
        ({"ssp-to": None}, "PARTYKEY_INTERACTION_CHECK_FAILED_MESSAGERECEIVER_"),
        ({"ssp-to": "000000000000"}, "PARTYKEY_INTERACTION_CHECK_FAILED_MESSAGERECEIVER_000000000000"),
    ],
)
async def test_sender_and_receiver_are_checked(consumer, headers, text):
    answer = await consumer.record(NUMBER, headers=headers)
    assert refusal(answer) == (403, SCHEDULE, "error", text)
    assert not consumer.sandbox.calls.of("practice")


@pytest.mark.parametrize(
    ("scenario", "status", "text"),
    [
        ("no_agreement", 403, "FOT_CHECK_FAILED_MESSAGESENDER_999900002001_MESSAGERECEIVER_999900001007"),
        ("not_a_receiver", 403, "PARTYKEY_INTERACTION_CHECK_FAILED_MESSAGERECEIVER_999900001009"),
        ("moved_address", 400, "ENDPOINT_http://new-address."),
    ],
)
async def test_what_the_directory_alone_does_not_tell(consumer, scenario, status, text):
    patient = BY_NAME[scenario]
    answer = await consumer.record(patient.nhs_number, ods=patient.practice.ods)
    assert answer.status_code == status
    assert refusal(answer)[3].startswith(text)
    assert not consumer.sandbox.calls.of("practice")


@pytest.mark.parametrize(
    "change",
    [
        lambda root: root.replace("http://", "HTTP://"),
        lambda root: root.replace("http://", "http:/"),
        lambda root: root.replace("A99001", "A99002"),
        lambda root: root.replace("STU3", "stu3"),
        lambda root: root.replace("/structured", ""),
        lambda root: root.replace("/gpconnect", "//gpconnect"),
        lambda root: root.replace("127.0.0.1", "localhost"),
        lambda root: root.replace("://", "%3A%2F%2F"),
        lambda root: root + "s",
    ],
)
async def test_the_address_is_compared_byte_for_byte(consumer, change):
    root, asid = await consumer.route("A99001")
    answer = await consumer.record(NUMBER, root=change(root), asid=asid)
    status, system, _, text = refusal(answer)
    assert (status, system) == (400, SCHEDULE)
    assert "_VARIES_FROM_TARGETURL" in text


async def test_other_methods_are_not_passed_on(consumer):
    answer = await consumer.record(NUMBER, method="DELETE")
    assert refusal(answer) == (
        405,
        "spine-operationoutcome-1",
        "fatal",
        "405: Method Not Allowed",
    )


async def test_a_practice_that_takes_too_long_is_a_timeout_of_the_proxy(consumer, state_dir):
    options = SandboxOptions(state_dir=state_dir, proxy_timeout=0.3, practice_delay=5)
    async with running(options) as sandbox:
        answer = await Consumer(sandbox, consumer.http).record(NUMBER)
    assert refusal(answer)[:2] == (504, SCHEDULE)


async def test_a_practice_can_be_slow_for_everybody(consumer, state_dir):
    async with running(SandboxOptions(state_dir=state_dir, practice_delay=0.4)) as sandbox:
        slow = Consumer(sandbox, consumer.http)
        route = dict(zip(("root", "asid"), await slow.route("A99001"), strict=True))
        with pytest.raises(httpx.ReadTimeout):
            async with httpx.AsyncClient(timeout=0.2, trust_env=False) as impatient:
                await Consumer(sandbox, impatient).record(NUMBER, **route)
        assert (await slow.record(NUMBER, **route)).status_code == 200
