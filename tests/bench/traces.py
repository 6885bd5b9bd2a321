"""What traces cost of a request's CPU: carried on without an exporter, and all of them sent by OTLP."""

import asyncio

from bridge.sandbox import BY_NAME
from tests.bench import parts
from tests.bench.result import Result
from tests.support.otlp import collecting
from tests.support.processes import worker

_ROUNDS = 4
_REQUESTS = 300
_WARM_UP = 100
_CARRIED = 0.03
_SENT = 0.25
_EVENTS_PER_REQUEST = 3
_CONTEXT = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "ward=1"}


def run() -> list[Result]:
    number = BY_NAME["typical_size"].nhs_number
    with (
        parts.folder() as directory,
        parts.rabbit(directory) as url,
        parts.sandbox(directory, strict=False, keep_calls=False) as env,
        collecting() as collector,
    ):
        asyncio.run(parts.declare_consumer_side(url))

        def cost(headers, **more):
            environment = parts.worker_environment(env, url, **more)
            with worker(environment, output=directory / "worker.log", fresh=True) as started:
                asyncio.run(_round(url, number, _WARM_UP, headers))
                before = started.cpu_seconds()
                asyncio.run(_round(url, number, _REQUESTS, headers))
                return parts.cost(started, before, _REQUESTS)

        # In turns, and the best of each: a busy machine disturbs all three alike.
        rounds = [
            (cost({}), cost(_CONTEXT), cost(_CONTEXT, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url))
            for _ in range(_ROUNDS)
        ]
        spans = len(collector.spans()) / (_ROUNDS * (_REQUESTS + _WARM_UP))
    without, carried, sent = (min(costs) for costs in zip(*rounds, strict=True))
    on, at_all = carried / without - 1, sent / without - 1
    note = (
        f"worker {without:.2f} ms CPU per request without a trace, {carried:.2f} ms with one and no exporter"
    )
    otlp = f"worker {sent:.2f} ms CPU per request, of which {spans:.1f} spans are sent"
    return [
        Result("trace without exporter / worker CPU", round(on, 3), f"<= {_CARRIED}", on <= _CARRIED, note),
        Result("every trace by OTLP / worker CPU", round(at_all, 3), f"<= {_SENT}", at_all <= _SENT, otlp),
    ]


async def _round(url: str, number: str, count: int, headers: dict[str, str]) -> None:
    await parts.send_requests(url, number, count, headers=headers)
    await parts.wait_for_events(url, count * _EVENTS_PER_REQUEST)
    await parts.empty_events(url)
