"""The least a worker can do: consume, one POST of the same body, parse the answer, three publishes, ack."""

import asyncio
import json
import os
import sys
from pathlib import Path

import aio_pika
import httpx
import orjson


async def main(url: str, prefix: str, ready: Path, nhs_number: str) -> None:
    body = json.dumps(
        {
            "resourceType": "Parameters",
            "parameter": [
                {
                    "name": "patientNHSNumber",
                    "valueIdentifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": nhs_number},
                },
                {
                    "name": "includeAllergies",
                    "part": [{"name": "includeResolvedAllergies", "valueBoolean": True}],
                },
                {
                    "name": "includeMedication",
                    "part": [{"name": "includePrescriptionIssues", "valueBoolean": True}],
                },
            ],
        }
    ).encode()
    connection = await aio_pika.connect_robust(url)
    publishing = await connection.channel(on_return_raises=True)
    consuming = await connection.channel()
    await consuming.set_qos(prefetch_count=50)
    events = await publishing.declare_exchange(f"{prefix}.events", "topic", durable=True)
    requests = await consuming.declare_exchange(f"{prefix}.requests", "topic", durable=True)
    queue = await consuming.declare_queue(
        f"{prefix}.bare", durable=True, arguments={"x-queue-type": "quorum"}
    )
    await queue.bind(requests, "record.requested.v1")
    async with httpx.AsyncClient(trust_env=False) as client:

        async def handle(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            answer = await client.post(
                os.environ["BENCH_RECORD_URL"],
                content=body,
                headers={"Content-Type": "application/fhir+json"},
            )
            assert orjson.loads(answer.content)["resourceType"] == "Bundle"
            for part in range(3):
                await events.publish(
                    aio_pika.Message(
                        message.body,
                        message_id=f"{message.message_id}:{part}",
                        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                    ),
                    "bench.published.v1",
                )
            await message.ack()

        await queue.consume(handle)
        ready.touch()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4]))
