"""The README's steps on a RabbitMQ of one's own, in its words: with a queue bound before the first event, and without."""

import asyncio
import json
import re
import shlex
from pathlib import Path

import aio_pika
import pytest

from tests.support.processes import bridge, child

ROOT = Path(__file__).parents[3]
STEPS = re.search(
    r"To use your own RabbitMQ.*?```console\n(.*?)```\n\n(.*?)\n\n",
    (ROOT / "README.md").read_text(),
    re.DOTALL,
)
OF_THE_STORY = ("--env-file", ".bridge/sandbox.env")

pytestmark = pytest.mark.rabbit


async def test_the_steps_of_the_readme_on_a_rabbitmq_of_ones_own(environment, rabbit_url, tmp_path):
    assert STEPS
    export, run, send = (shlex.split(line, comments=True)[1:] for line in STEPS[1].splitlines())
    assert export[-1].startswith("BRIDGE_BUS_URL=amqp://")
    # The tests' own file of the sandbox, and names of this test alone.
    assert run[1:] == [*OF_THE_STORY, "run"]
    assert send[1:4] == [*OF_THE_STORY, "send"]
    own = environment | {"BRIDGE_BUS_URL": rabbit_url}
    prefix, example = environment["BRIDGE_BUS_PREFIX"], ROOT / send[4]

    async def ask(number: int) -> None:
        request = json.loads(example.read_text()) | {"id": f"00000000-0000-4000-8000-00000000000{number}"}
        sent = await command("send", "-", given=json.dumps(request).encode())
        assert sent.code == 0, sent.errors

    async def command(*arguments, given=b""):
        return await asyncio.to_thread(bridge, *arguments, directory=tmp_path, environment=own, given=given)

    async def replay(*arguments):
        done = await command("dead", "replay", *arguments)
        assert done.code == 0, done.errors
        return done.text

    with child("bridge", ["run"], environment=own, output=tmp_path / "worker.log") as worker:
        await asyncio.to_thread(worker.wait_for, "worker_started")
        await ask(1)  # too early: no queue is bound
        await asyncio.to_thread(worker.wait_for, "message_dead")
        [group] = json.loads((await command("dead", "list", "--json")).text)["groups"]
        assert (group["reason"], group["count"]) == ("unroutable", 1)
        async with await aio_pika.connect(rabbit_url) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(f"{prefix}.of-an-epr", exclusive=True)
            # As the README says: by then the worker has made it.
            assert "`gpconnect.events`, with the routing key `#`" in STEPS[2]
            await queue.bind(await channel.get_exchange(f"{prefix}.events"), "#")
            await ask(2)
            assert await completed(queue) == ["00000000-0000-4000-8000-000000000002"]
            job = json.loads(await replay("plan", "--reason", "unroutable", "--json"))["id"]
            await replay("confirm", job, "--reason", "a queue is bound")
            await replay("run", job)
            assert await completed(queue) == ["00000000-0000-4000-8000-000000000001"]
        assert await asyncio.to_thread(worker.stop) == 0


async def completed(queue) -> list[str]:
    """The requests of which the EPR has heard by the end of the next answer."""
    async with queue.iterator(no_ack=True) as events:
        async for event in events:
            if event.routing_key == "record.completed.v1":
                return [json.loads(event.body)["causationid"]]
    raise AssertionError
