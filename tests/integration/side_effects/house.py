"""The house: a real server whose rooms are taken by a POST, and that fails as it is told."""

import asyncio
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field

from tests.support.http_server import HttpServer, Request, answer

_LATE = 0.2


@dataclass
class Room:
    """One room, and what becomes of the next tries to take it."""

    acts: deque[str] = field(default_factory=deque)
    """``do``: take it. ``drop``: cut the connection. ``do+drop``: take it, then cut. ``late``: cut, then take it.
    ``do+garbage``: take it, answer nonsense. ``refuse``: 409."""
    taken_by: list[str] = field(default_factory=list)
    """Everybody who took it: two entries are one too many."""
    posts: int = 0
    posted_at: float = 0.0
    looks: int = 0
    first_look_at: float = 0.0
    is_silent: bool = False
    """Whoever looks gets a 503."""


class House:
    """Serves the rooms while the block runs; `gates` hold up whoever passes them while they are closed."""

    def __init__(self) -> None:
        self.rooms: dict[str, Room] = defaultdict(Room)
        self.closed: dict[str, asyncio.Event] = {}
        self.reached: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.statuses: dict[str, deque[int]] = defaultdict(deque)
        self.passed: list[str] = []
        """Gates in the order in which they were passed."""
        self._late: set[asyncio.Task[None]] = set()
        self.server = HttpServer(self._serve)

    def will(self, room: str, *acts: str) -> None:
        """What becomes of the tries to take a room; afterwards it is just taken."""
        self.rooms[room].acts.extend(acts)

    def close(self, gate: str) -> None:
        """Hold up whoever passes, e.g. ``send/r1``."""
        self.closed[gate] = asyncio.Event()
        self.reached[gate].clear()

    async def held(self, gate: str) -> None:
        """Until somebody stands at a gate."""
        await self.reached[gate].wait()

    def open(self, gate: str) -> None:
        self.closed.pop(gate).set()

    def open_all(self) -> None:
        for gate in list(self.closed):
            self.open(gate)

    async def ended(self) -> None:
        """Until what is done late is done."""
        await asyncio.gather(*self._late)

    async def _serve(self, request: Request, writer: asyncio.StreamWriter) -> None:
        _, kind, *names = request.target.split("/")
        if kind == "gate":
            writer.write(answer(status=await self._pass("/".join(names))))
            return
        name, who = names[0], request.headers["x-who"]
        room = self.rooms[name]
        if request.method == "GET":
            room.first_look_at = room.first_look_at or time.monotonic()
            room.looks += 1
            writer.write(_look(room, who))
            return
        room.posted_at = time.monotonic()
        room.posts += 1
        await self._take(name, who, writer)

    async def _pass(self, gate: str) -> int:
        self.reached[gate].set()
        if gate in self.closed:
            await self.closed[gate].wait()
        self.passed.append(gate)
        return self.statuses[gate].popleft() if self.statuses[gate] else 200

    async def _take(self, name: str, who: str, writer: asyncio.StreamWriter) -> None:
        room = self.rooms[name]
        act = room.acts.popleft() if room.acts else "do"
        if act == "refuse" or (room.taken_by and act == "do"):
            writer.write(answer(status=409))
            return
        if act.startswith("do"):
            room.taken_by.append(who)
        if act == "late":
            await self._pass(f"late/{name}")
            self._late.add(asyncio.create_task(_take_late(room, who)))
        if act == "do":
            await self._pass(f"answer/{name}")
            writer.write(answer({"by": who}))
        elif act == "do+garbage":
            writer.write(answer(b"<html>"))
        else:
            writer.transport.abort()


async def _take_late(room: Room, who: str) -> None:
    await asyncio.sleep(_LATE)
    room.taken_by.append(who)


def _look(room: Room, who: str) -> bytes:
    if room.is_silent:
        return answer(status=503)
    return answer({"by": who}) if who in room.taken_by else answer(status=404)
