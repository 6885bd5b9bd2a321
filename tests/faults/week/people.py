"""The people of the simulated week: what each of them has done for them is drawn from a seed."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.support.reception import Json, Reception, day, example, pairs, ref_of

PRACTICES = ("A99001", "A99002")
_DAYS_AHEAD = 28


@dataclass
class Asked:
    """One request: its message, and the event that ended it, once there is one."""

    message: Json
    tag: str
    kind: str = ""
    data: Json = field(default_factory=dict)

    @property
    def id(self) -> str:
        return str(self.message["id"])

    @property
    def wish(self) -> str:
        return str(self.message["type"]).split(".")[-3]


class Offers:
    """Slots as they were found once: a snapshot, out of date before long, as on a ward's screen."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._found: dict[tuple[str, int, str], asyncio.Task[list[Json]]] = {}

    async def on(self, practice: str, ahead: int, nhs_number: str) -> list[Json]:
        key = practice, ahead, nhs_number  # an offer is for one patient
        if key not in self._found:
            search = self._search(practice, ahead, nhs_number)
            self._found[key] = asyncio.create_task(search)
        return await asyncio.shield(self._found[key])

    async def _search(self, practice: str, ahead: int, nhs_number: str) -> list[Json]:
        while True:
            kind, data = await self._reception.ask(
                "slots.requested",
                patient={"nhs_number": nhs_number},
                practice_ods_code=practice,
                start=day(ahead),
                end=day(ahead),
            )
            if kind == "slots.found.v1":
                slots: list[Json] = data["found"]["slots"]
                return slots


class Person:
    """Somebody whose appointments are booked, amended, moved and cancelled, some of it at the same time."""

    def __init__(self, reception: Reception, offers: Offers, nhs_number: str, home: str, seed: str) -> None:
        self.nhs_number = nhs_number
        self.asked: list[Asked] = []
        self._reception = reception
        self._offers = offers
        self._home = home
        self._chance = random.Random(f"{seed}/{nhs_number}")
        self._held: list[Json] = []
        self._copies: list[asyncio.Task[Any]] = []

    async def live(self, operations: int) -> None:
        """Have so many things done, one after the other or two at once."""
        while len(self.asked) < operations:
            wishes = [await self._wish()]
            if self._chance.random() < 0.2 and len(self.asked) + 1 < operations:
                wishes.append(await self._wish())
            await asyncio.gather(*map(self._have_done, wishes))
        await asyncio.gather(*self._copies)

    async def _wish(self) -> Asked:
        appointment = self._chance.choice(self._held) if self._held else None
        drawn = self._chance.choices(("book", "amend", "cancel", "reschedule"), weights=(5, 3, 3, 2))[0]
        tag = f"week {self.nhs_number[-6:]}-{len(self.asked)}"
        if appointment is None or drawn == "book":
            message = await self._booking(tag)
        elif drawn == "amend":
            message = example(
                "appointment.amend.requested", appointment=self._ref(appointment), description=tag
            )
        elif drawn == "cancel":
            message = example("appointment.cancel.requested", appointment=self._ref(appointment), reason=tag)
        else:
            message = example(
                "appointment.reschedule.requested",
                appointment=self._ref(appointment),
                choices=await self._choices(appointment["practice_ods_code"]),
                description=tag,
            )
        message["data"] |= {"patient": {"nhs_number": self.nhs_number}, "encounter_id": self.nhs_number[-6:]}
        asked = Asked(message, tag)
        self.asked.append(asked)
        return asked

    async def _booking(self, tag: str) -> Json:
        is_away = self._chance.random() < 0.1
        practice = next(ods for ods in PRACTICES if (ods == self._home) != is_away)
        name = "appointment.requested.temporary" if is_away else "appointment.requested"
        return example(name, choices=await self._choices(practice), description=tag)

    async def _choices(self, practice: str) -> list[list[Json]]:
        choices = []
        for _ in range(self._chance.randint(1, 3)):
            ahead = self._chance.randint(1, _DAYS_AHEAD)
            slots = await self._offers.on(practice, ahead, self.nhs_number)
            while not slots:  # a bank holiday, or a day that is full
                ahead = ahead % _DAYS_AHEAD + 1
                slots = await self._offers.on(practice, ahead, self.nhs_number)
            first = self._chance.randrange(len(slots))
            two = list(pairs(slots))
            if two and self._chance.random() < 0.25:
                choices.append(list(self._chance.choice(two)))
            else:
                choices.append([slots[first]["offer"]])
        return choices

    def _ref(self, appointment: Json) -> Json:
        ref = ref_of(appointment)
        if self._chance.random() < 0.7:
            del ref["version_id"]
        return ref

    async def _have_done(self, asked: Asked) -> None:
        await self._reception.send(asked.message)
        for _ in range(self._chance.randint(1, 2)):
            self._copies.append(asyncio.create_task(self._again(asked.message, self._chance.random() * 2)))
        asked.kind, asked.data = await self._reception.outcome(asked.id)
        if (new := asked.data.get("appointment") or asked.data.get("booked")) is not None:
            self._held = [*self._without(new["appointment_id"]), new]
        if (gone := asked.data.get("cancelled")) is not None:
            self._held = self._without(gone["appointment_id"])
        self._held = [one for one in self._held if one["status"] == "booked"]

    def _without(self, appointment_id: str) -> list[Json]:
        return [one for one in self._held if one["appointment_id"] != appointment_id]

    async def _again(self, message: Json, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._reception.send(message)


def everybody(asked_by: list[Person]) -> Iterator[Asked]:
    return (asked for person in asked_by for asked in person.asked)
