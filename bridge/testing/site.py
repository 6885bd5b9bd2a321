"""An installation for tests: the sandbox, a worker for each pipeline, and a ledger to throw away."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Final, TypeVar
from uuid import uuid4

import orjson

from bridge.bus.port import Dead, Delivery, Disposition, RetryAfter
from bridge.contracts.envelope import STRUCTURED
from bridge.engine.worker import consuming
from bridge.ledger import request_key
from bridge.ledger.opening import open_store
from bridge.ledger.storage.history import request_history
from bridge.pipelines import GpConnectRequest, Pipeline
from bridge.sandbox import BY_NAME, HOSPITAL, InjectedFault, RunningSandbox, SandboxOptions, running
from bridge.settings import Settings
from bridge.testing.bus import InProcessBus
from bridge.testing.result import Outcome, Result

R = TypeVar("R", bound=GpConnectRequest)

SOURCE: Final = "/bridge/testing"
_QUICK: Final[Mapping[str, str]] = MappingProxyType(
    {
        "BRIDGE_RETRY_FIRST_DELAY": "0.05",
        "BRIDGE_RETRY_MAX_DELAY": "0.1",
        "BRIDGE_RETRY_SETTLE_AFTER": "0.5",
    }
)
"""Tests wait for nothing that an installation has to wait for."""


class Site:
    """An installation that runs.

    Attributes:
        sandbox: what it asks: calls that were made, what stands in the practices' appointment books.
        settings: with which it runs.
    """

    def __init__(self, sandbox: RunningSandbox, settings: Settings, workers: AsyncExitStack) -> None:
        self.sandbox = sandbox
        self.settings = settings
        self._workers = workers
        self._buses: dict[str, tuple[Pipeline, InProcessBus]] = {}

    def request(self, kind: type[R], scenario: str, **fields: Any) -> R:
        """A request about one of the sandbox's patients, by a user of its hospital.

        Args:
            kind: its model.
            scenario: the patient's name, as ``bridge sandbox`` prints it.
            fields: what else the model needs; ``patient`` and ``requested_by`` replace the ones made here.

        Raises:
            ValueError: there is no such patient, or the fields are wrong (`pydantic.ValidationError`).
        """
        return kind.model_validate(
            {
                "patient": {"nhs_number": _number_of(scenario)},
                "requested_by": {
                    "user_id": "u-1",
                    "family_name": "Tester",
                    "given_names": ["Kim"],
                    "role": "Clinician",
                    "organisation": {"ods_code": HOSPITAL.ods, "name": HOSPITAL.name},
                },
                "purpose": "direct_care",
                **fields,
            }
        )

    def fault(self, whom: str, fault: InjectedFault) -> None:
        """Let something go wrong from now on.

        Args:
            whom: a patient's name, an NHS number, the ODS code of a practice, or ``*``.
            fault: what, where, and how often (`bridge.sandbox` has a table).
        """
        self.sandbox.fault(BY_NAME[whom].nhs_number if whom in BY_NAME else whom, fault)

    async def run(
        self,
        pipeline: Pipeline,
        request: GpConnectRequest | Mapping[str, Any],
        *,
        accepts: str | None = None,
        id: str | None = None,  # noqa: A002 - the field's own name
    ) -> Result:
        """Hand a request to a pipeline: one delivery, one try.

        Args:
            pipeline: whose handler is run, as ``bridge run`` would run it.
            request: a model; or its data as a sender writes it, however wrong.
            accepts: which of several operations is meant; by the type of the request where that tells.
            id: of the request; one that comes again is the same request. None makes one.

        Raises:
            ValueError: it is not clear which operation is meant.
        """
        key = accepts or _key_for(pipeline, request)
        event = {
            "specversion": "1.0",
            "id": id or str(uuid4()),
            "source": SOURCE,
            "type": f"{self.settings.events.type_prefix}.{key}",
            "data": request.model_dump(mode="json", exclude_unset=True)
            if isinstance(request, GpConnectRequest)
            else dict(request),
        }
        delivery = Delivery(orjson.dumps(event), str(event["id"]), key, content_type=STRUCTURED)
        return await self._deliver(pipeline.name, await self._bus_of(pipeline), delivery)

    async def run_again(self, result: Result) -> Result:
        """Hand the same message over once more: its next try, after the time that it has to wait.

        Of a request that has ended this is the same message delivered a second time.
        """
        _, bus = self._buses[result.pipeline]
        if result.retry_after is None:
            delivery = replace(result.delivery, deliveries=result.delivery.deliveries + 1)
        else:
            await asyncio.sleep(result.retry_after)
            delivery = replace(result.delivery, attempt=result.delivery.attempt + 1)
        return await self._deliver(result.pipeline, bus, delivery)

    async def finish(self, result: Result) -> Result:
        """Hand the same message over until it is not tried again any more: how its request ends."""
        while result.outcome == "retrying":
            result = await self.run_again(result)
        return result

    async def _bus_of(self, pipeline: Pipeline) -> InProcessBus:
        known, bus = self._buses.get(pipeline.name, (None, InProcessBus()))
        if known is None:
            await self._workers.enter_async_context(consuming(self.settings, [pipeline], bus))
            self._buses[pipeline.name] = pipeline, bus
        elif known is not pipeline:
            raise ValueError(f"another pipeline named {pipeline.name!r} runs here")
        return bus

    async def _deliver(self, pipeline: str, bus: InProcessBus, delivery: Delivery) -> Result:
        ended = await bus.deliver(delivery)
        return Result(
            outcome=await self._outcome(delivery, ended),
            events=bus.taken_out(delivery.id),
            reason=ended.reason if isinstance(ended, RetryAfter | Dead) else "",
            retry_after=ended.seconds if isinstance(ended, RetryAfter) else None,
            delivery=delivery,
            pipeline=pipeline,
        )

    async def _outcome(self, delivery: Delivery, ended: Disposition) -> Outcome:
        if isinstance(ended, RetryAfter):
            return "retrying"
        if isinstance(ended, Dead):
            return "rejected" if ended.reason == "rejected" else "dead"
        key = request_key(SOURCE, delivery.id)
        async with open_store(self.settings, read_only=True) as store:
            known = await store.read(lambda connection: request_history(connection, key))
        assert known is not None, "what is done is in the ledger"
        match known.state:
            case "in_flight" | "waiting":
                raise AssertionError("what is done has ended")
            case state:
                return state


@asynccontextmanager
async def site(
    settings: Mapping[str, str] | None = None, *, sandbox: SandboxOptions | None = None
) -> AsyncIterator[Site]:
    """Run an installation while the block runs.

    Args:
        settings: ``BRIDGE_…`` variables that differ from the sandbox's own; the environment is not read.
        sandbox: how it is set up; its `state_dir` counts for nothing.

    Raises:
        Misconfigured: the settings are wrong.
    """
    with TemporaryDirectory(prefix="bridge-testing-") as folder:
        options = replace(sandbox or SandboxOptions(), state_dir=Path(folder))
        async with running(options) as started, AsyncExitStack() as workers:
            own = {"BRIDGE_STATE_DIR": folder, **_QUICK, **(settings or {})}
            yield Site(started, Settings.load(environ=started.environment | own), workers)


def _number_of(scenario: str) -> str:
    if scenario not in BY_NAME:
        near = ", ".join(get_close_matches(scenario, BY_NAME)) or "see `bridge sandbox`"
        raise ValueError(f"no patient of the sandbox is named {scenario!r} ({near})")
    return BY_NAME[scenario].nhs_number


def _key_for(pipeline: Pipeline, request: GpConnectRequest | Mapping[str, Any]) -> str:
    """The routing key by which such a request comes."""
    found = [
        operation.accepts
        for operation in pipeline.operations
        if not isinstance(request, GpConnectRequest) or operation.request is type(request)
    ]
    if len(found) != 1:
        taken = ", ".join(operation.accepts for operation in pipeline.operations)
        raise ValueError(f"say which is meant with accepts=: {pipeline.name} takes {taken}")
    return found[0]
