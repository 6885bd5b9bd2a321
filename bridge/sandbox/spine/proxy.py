"""The Spine Secure Proxy: may this sender ask this receiver this, at this very address? Then pass it on."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Protocol

import httpx

from bridge.sandbox.control.board import FaultBoard
from bridge.sandbox.control.calls import Call
from bridge.sandbox.control.faults import INSTEAD_OF_WORK
from bridge.sandbox.outcomes import proxy_error, spoil
from bridge.sandbox.spine.interactions import BY_INTERACTION
from bridge.sandbox.web import Reply, Request, RequestHandler, whole
from bridge.sandbox.world import CONSUMERS, Practice, practice_of_asid

_METHODS = {"GET", "POST", "PUT"}
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "date", "server"}


Whose = Callable[[Request], str | None]


class Forward(Protocol):
    """Takes a request to the practice at `url`."""

    async def __call__(self, request: Request, url: str, call: Call) -> Reply:
        """The practice's answer, or the proxy's own error when there is none."""


class SandboxProxy:
    """Answers ``/https://{practice}/{service root}``: two addresses in one, compared byte for byte (SP-P01).

    Args:
        practices: public address of the practice server.
        whose: tells the patient of a request, so that faults can be of one patient.
    """

    def __init__(self, *, practices: str, forward: Forward, faults: FaultBoard, whose: Whose) -> None:
        self._practices = practices
        self._whose = whose
        self._forward = forward
        self._faults = faults

    async def handle(self, request: Request, call: Call) -> Reply:
        """Answer one request."""
        call.trace_id = request.headers.get("ssp-traceid")
        call.interaction = request.headers.get("ssp-interactionid")
        target = request.target.removeprefix("/")
        refused = self._refusal(request, target, call)
        if refused:
            status, call.refused = refused
            return proxy_error(status, call.refused)
        call.nhs_number = self._whose(replace(request, target=target.removeprefix(self._practices)))
        operation = BY_INTERACTION[call.interaction or ""].name
        fault = self._faults.take("proxy", call.nhs_number, call.practice, operation=operation)
        if fault and fault.kind in INSTEAD_OF_WORK:
            return spoil(Reply(502), fault)
        query = f"?{request.query}" if request.query else ""
        reply = await self._forward(request, target + query, call)
        if fault is None:
            return reply
        reply.body = await whole(reply.body)  # or its connection to the practice would be left open
        return spoil(reply, fault)

    def _refusal(self, request: Request, target: str, call: Call) -> tuple[int, str] | None:
        if request.method not in _METHODS:
            return 405, "405: Method Not Allowed"
        sender, receiver = request.headers.get("ssp-from", ""), request.headers.get("ssp-to", "")
        interaction = request.headers.get("ssp-interactionid", "")
        # The table of interactions is exact: other case is another interaction.
        if sender not in {consumer.asid for consumer in CONSUMERS} or interaction not in BY_INTERACTION:
            return 403, f"ASID_CHECK_FAILED_MESSAGESENDER_{sender}"
        practice = practice_of_asid(receiver)
        if practice is None or not practice.is_receiver:
            return 403, f"PARTYKEY_INTERACTION_CHECK_FAILED_MESSAGERECEIVER_{receiver}"
        call.practice = practice.ods
        if not practice.agreement:
            return 403, f"FOT_CHECK_FAILED_MESSAGESENDER_{sender}_MESSAGERECEIVER_{receiver}"
        root = self._registered_root(practice, interaction)
        if not target.startswith(f"{root}/"):
            cpa = practice.party_key()
            # The path behind the root is left out: it is not what was compared.
            return 400, f"ENDPOINT_{root}_CPAID_{cpa}_VARIES_FROM_TARGETURL"
        return None

    def _registered_root(self, practice: Practice, interaction: str) -> str:
        base = self._practices.replace("://", "://new-address.") if practice.moved else self._practices
        return practice.root(base, interaction)


class HttpForward:
    """Passes requests on over HTTP: headers and bytes untouched, answers as they come."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def __call__(self, request: Request, url: str, call: Call) -> Reply:
        """Forward one request."""
        headers = {name: value for name, value in request.headers.items() if name not in _HOP_BY_HOP}
        outgoing = self._client.build_request(
            request.method,
            url,
            headers={**headers, "forwarded": "for=consumer;proto=https"},
            content=request.body,
        )
        try:
            response = await self._client.send(outgoing, stream=True)
        except httpx.TimeoutException:
            call.refused = "the practice did not answer in time"
            return proxy_error(504, "Gateway Timeout")
        except httpx.TransportError:
            call.refused = "the practice could not be reached"
            # What stands behind the root may name a patient.
            root = BY_INTERACTION[call.interaction or ""].root
            return proxy_error(502, f"ERROR_COMMUNICATING_TO_ENDPOINT_URL_{url.partition(root)[0]}{root}")
        passed_on = {
            name.lower(): value for name, value in response.headers.items() if name.lower() not in _HOP_BY_HOP
        }
        return Reply(response.status_code, _stream(response), passed_on)


async def _stream(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.aiter_raw():
            yield chunk
    except httpx.TransportError as error:
        raise ConnectionError from error
    finally:
        await response.aclose()


class DirectForward:
    """Hands requests to the practice in the same process: no second connection, for measuring others.

    What a practice's fault does to its connection, it then does to that of whoever asked the proxy.
    """

    def __init__(self, practice: RequestHandler, base: str) -> None:
        self._practice = practice
        self._base = base

    async def __call__(self, request: Request, url: str, call: Call) -> Reply:
        """Forward one request."""
        target = url.removeprefix(self._base).partition("?")[0]
        return await self._practice(replace(request, target=target), call)
