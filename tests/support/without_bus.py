"""An installation without a broker, for what a bus has no part in: `bridge.testing`, as tests of a bus use one."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bridge.bus.port import Delivery
from bridge.pipelines.installed import installed_pipelines
from bridge.sandbox import RunningSandbox
from bridge.settings import Settings
from bridge.testing import SandboxOptions, Site, site
from tests.support.hospital import AnyHospital
from tests.support.reception import Reception


class HospitalWithoutBus(AnyHospital):
    """Hands each request to the pipeline that takes it; when `ask` returns it has ended."""

    def __init__(self, at: Site, pipelines: Sequence[str]) -> None:
        super().__init__()
        self._at = at
        self._takers = {
            operation.accepts: pipeline
            for pipeline in installed_pipelines(pipelines)
            for operation in pipeline.operations
        }

    async def ask(
        self,
        body: bytes | dict[str, Any],
        *,
        key: str = "record.requested.v1",
        content_type: str = "application/cloudevents+json",
        message_id: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> str:
        assert isinstance(body, dict), "what a body may look like is a bus's part"
        assert (content_type, message_id, headers) == ("application/cloudevents+json", None, None)
        request_id: str = body["id"]
        result = await self._at.run(self._takers[key], body["data"], accepts=key, id=request_id)
        result = await self._at.finish(result)
        self.deliveries[request_id] += [
            Delivery(event.body, event.id, event.kind, content_type=event.content_type)
            for event in result.events
        ]
        return request_id


@dataclass
class WithoutBus:
    """What a test sees of it."""

    sandbox: RunningSandbox
    settings: Settings
    hospital: AnyHospital
    reception: Reception


@asynccontextmanager
async def without_bus(
    *pipelines: str, settings: Mapping[str, str] | None = None, sandbox: SandboxOptions | None = None
) -> AsyncIterator[WithoutBus]:
    async with site(settings, sandbox=sandbox) as started:
        hospital = HospitalWithoutBus(started, pipelines)
        yield WithoutBus(started.sandbox, started.settings, hospital, Reception(hospital))
