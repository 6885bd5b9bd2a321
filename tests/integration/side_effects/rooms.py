"""A site's own pipelines with side effects: rooms are taken, and looked into, at a house that can be told to fail.

The module is installed in worker processes as well as run inside the tests: it finds the house by ``HOUSE_URL``.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx

from bridge.contracts.events import Event
from bridge.contracts.requests import GpConnectRequest, Text
from bridge.errors import FailureCode, HeldBack, NotDone, Refused, ResponseInvalid, Unavailable
from bridge.pipelines import Context, InDoubt, Json, Pipeline

TAKE = "room.requested.v1"
LOOK = "room.look.requested.v1"
TAKEN, REFUSED, IN_DOUBT, SEEN = "room.taken.v1", "room.refused.v1", "room.in_doubt.v1", "room.seen.v1"
TIMEOUT = 0.4
"""Seconds until the client gives up."""
GATE_TIMEOUT = 60.0
CAREFUL = "careful"
"""First letters of the rooms for which the client looks at the clock at the last moment."""

rooms = Pipeline("rooms")


class RoomRequest(GpConnectRequest):
    """A room, or the first that is free of several."""

    rooms: tuple[Text, ...]


class LookRequest(GpConnectRequest):
    """Whether a room is taken."""

    room: Text


class RoomRefused(Refused):
    """As a client's own refusals: made from other arguments than its base."""

    def __init__(self, reason: str) -> None:
        super().__init__(FailureCode.REQUEST_REFUSED, stage="provider", reason=reason)


def in_doubt(request: RoomRequest, doubt: InDoubt) -> Event:
    """Nobody knows yet."""
    return Event(IN_DOUBT, {"room": doubt.payload["room"], "is_done": doubt.is_done, "code": doubt.code})


@rooms.operation(
    accepts=TAKE,
    request=RoomRequest,
    publishes={TAKEN: dict[str, Any], REFUSED: dict[str, Any], IN_DOUBT: dict[str, Any]},
    ordered=True,
    in_doubt=in_doubt,
)
async def take_room(request: RoomRequest, gp: Context) -> list[Event]:
    """Take the first of the rooms that is free, then write the door plate."""
    house = House(request.patient.nhs_number)
    if not await house.lets_pass("before", request.rooms[0]):
        return [Event(REFUSED, {"reasons": {}, "detail": "not_let_in"})]
    refusals = {}
    for room in request.rooms:
        try:
            taken = await gp.once(
                "room.take",
                key=room,
                payload={"room": room},
                send=partial(house.take, room, gp.may_send if room.startswith(CAREFUL) else None),
                settle=partial(house.found, room),
            )
        except NotDone as not_done:
            return [Event(REFUSED, {"reasons": {room: not_done.reason}, "detail": not_done.detail})]
        except RoomRefused as refusal:
            refusals[room] = refusal.reason
            continue
        await house.lets_pass("after", room)
        return [Event(TAKEN, taken | {"refused": refusals})]
    return [Event(REFUSED, {"reasons": refusals})]


@rooms.operation(accepts=LOOK, request=LookRequest, publishes={SEEN: dict[str, Any]})
async def look(request: LookRequest, gp: Context) -> list[Event]:
    """Look into a room."""
    del gp
    return [Event(SEEN, {"found": await House(request.patient.nhs_number).found(request.room)})]


class House:
    """The client of the house: what an answer means is said here, as for a practice."""

    def __init__(self, who: str) -> None:
        self._who = who
        self._url = os.environ["HOUSE_URL"]

    async def take(self, room: str, may_send: Callable[[], None] | None) -> Json:
        """Take a room, after a last look at the clock if there is somebody who looks."""
        if (await self._call("GET", f"/gate/send/{room}")).status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise HeldBack(FailureCode.RATE_LIMITED, stage="spine")
        if may_send is not None:
            may_send()
        answer = await self._call("POST", f"/rooms/{room}")
        if answer.status_code == httpx.codes.CONFLICT:
            raise RoomRefused("taken")
        if not answer.content.startswith(b"{"):
            raise ResponseInvalid(stage="provider", detail="not_json")
        taken: Json = answer.json()
        return taken

    async def found(self, room: str) -> Json | None:
        """What is known of this patient's room; None when there is none."""
        answer = await self._call("GET", f"/rooms/{room}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        found: Json = answer.json()
        return found

    async def lets_pass(self, name: str, room: str) -> bool:
        """Where a test holds a request up, or turns it away."""
        return (await self._call("GET", f"/gate/{name}/{room}")).status_code == httpx.codes.OK

    async def _call(self, method: str, path: str) -> httpx.Response:
        # The test decides when a gate opens.
        patience = GATE_TIMEOUT if "/gate/" in path else TIMEOUT
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=patience) as client:
                answer = await client.request(method, self._url + path, headers={"x-who": self._who})
        except httpx.TransportError as error:
            raise Unavailable(FailureCode.PROVIDER_TIMEOUT, stage="provider") from error
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise Unavailable(FailureCode.PROVIDER_ERROR, stage="provider")
        return answer
