"""Three witnesses compared: what the practices' books say, what was published, and what the ledger knows."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.ledger import RequestHistory
from bridge.sandbox import Diary, DiaryAppointment
from tests.faults.week.people import Asked
from tests.support.reception import IN_DOUBT, Json

HOSPITAL = "RZZ01"
BOOKED = {"appointment.booked.v1": "appointment", "appointment.rescheduled.v1": "booked"}


@dataclass(frozen=True)
class Evidence:
    """All there is to know about the week.

    Attributes:
        asked: every request.
        published: every event by the id of its request, as (kind, event), repeats among it.
        books: the practices' own, by ODS code.
        known: what the ledger has of each request, by its id.
    """

    asked: Sequence[Asked]
    published: Mapping[str, Sequence[tuple[str, Json]]]
    books: Mapping[str, Diary]
    known: Mapping[str, RequestHistory]

    def faults(self) -> list[str]:
        """Everything that is not as it must be; nothing when all three agree."""
        return [
            *self._outcomes(),
            *self._appointments(),
            *self._slots(),
            *self._changes(),
            *self._ledger(),
        ]

    def ends(self) -> Counter[str]:
        """How the requests ended."""
        return Counter(
            f"{asked.kind.removesuffix('.v1')} {asked.data.get('reason', asked.data.get('code', ''))}".strip()
            for asked in self.asked
        )

    def _outcomes(self) -> list[str]:
        """Exactly one outcome, and every repeat of an event with the id it had before."""
        faults = []
        for asked in self.asked:
            ids = defaultdict(set)
            for kind, event in self.published[asked.id]:
                ids[kind].add(event["id"])
            if len(ids.keys() - IN_DOUBT) != 1 or any(len(found) > 1 for found in ids.values()):
                faults.append(f"{asked.tag}: ended as {sorted(ids)}")
        return faults

    def _ours(self) -> list[tuple[str, DiaryAppointment]]:
        """What the practices hold that was booked for the hospital."""
        return [
            (ods, one)
            for ods, book in self.books.items()
            for one in book.appointments()
            if one.organisation_ods == HOSPITAL
        ]

    def _appointments(self) -> list[str]:
        """None that nobody asked for, and none missing that was said to be booked."""
        by_tag = {asked.tag: asked for asked in self.asked}
        told = defaultdict(list)
        for asked in self.asked:
            if (one := _told_as_booked(asked)) is not None:
                told[one["practice_ods_code"], one["appointment_id"]].append(asked)
        faults, held = [], set()
        for ods, entry in self._ours():
            name = f"{ods}/{entry.id}"
            held.add((ods, entry.id))
            wanted = by_tag.get(_tag(entry))
            if wanted is None or wanted.message["data"]["patient"]["nhs_number"] != entry.nhs_number:
                faults.append(f"{name}: nobody asked for it")
            elif wanted not in told[ods, entry.id]:
                faults.append(f"{wanted.tag}: has {name}, and was told {wanted.kind}")
            faults += [
                f"{asked.tag}: was told of {name}, which is another's"
                for asked in told[ods, entry.id]
                if asked is not wanted and not _asked_for(asked, entry)
            ]
        lost = [asked.tag for key, those in told.items() if key not in held for asked in those]
        return [*faults, *(f"{tag}: told as booked and is not" for tag in lost)]

    def _slots(self) -> list[str]:
        """No slot is booked twice."""
        taken = Counter(
            (ods, slot.id)
            for ods, book in self.books.items()
            for one in book.appointments()
            if one.status == "booked"
            for slot in one.slots
        )
        return [
            f"{ods}: slot {slot} is booked {count} times" for (ods, slot), count in taken.items() if count > 1
        ]

    def _changes(self) -> list[str]:
        """Whatever was told to be amended or cancelled is, once, and nothing else is."""
        amended: Counter[str] = Counter()
        overwritten: set[str] = set()
        for _, one in self._ours():
            texts = [_text_tag(change.description) for change in one.history if change.action == "amended"]
            amended.update(texts)
            overwritten.update(texts[:-1])
        faults = []
        for asked in (asked for asked in self.asked if asked.wish == "amend"):
            expected = int(asked.kind == "appointment.amended.v1")
            # What another request wrote over cannot be told from what was never written.
            if amended[asked.tag] != expected and not (amended[asked.tag] == 1 and asked.tag in overwritten):
                faults.append(f"{asked.tag}: amended {amended[asked.tag]} times, told {asked.kind}")
        told = {
            (gone["practice_ods_code"], gone["appointment_id"])
            for asked in self.asked
            if (gone := _told_as_cancelled(asked)) is not None
        }
        for ods, entry in self._ours():
            times = sum(change.action == "cancelled" for change in entry.history)
            if times != int((ods, entry.id) in told) or (entry.status == "cancelled") != bool(times):
                faults.append(f"{_tag(entry)}: {entry.status}, cancelled {times} times")
        return faults

    def _ledger(self) -> list[str]:
        """The ledger says the same of each request: how it ended, what was published, what was done."""
        books = {(ods, one.id): one for ods, one in self._ours()}
        faults = []
        for asked in self.asked:
            known = self.known[asked.id]
            published = {event["id"] for _, event in self.published[asked.id]}
            if {event.id for event in known.events} != published:
                faults.append(f"{asked.tag}: other events in the ledger than on the bus")
            expected = "failed" if asked.kind == "request.failed.v1" else "completed"
            if known.state != expected or any(intent.verdict is None for intent in known.intents):
                faults.append(f"{asked.tag}: {known.state} in the ledger, told {asked.kind}")
            done = [
                intent.settle_key
                for intent in known.intents
                if (intent.kind, intent.verdict) == ("appointment.book", "done")
            ]
            told = _told_as_booked(asked)
            held = books.get((told["practice_ods_code"], told["appointment_id"])) if told else None
            slots = ",".join(f"Slot/{slot.id}" for slot in held.slots) if held else ""
            if done != ([f"{told['practice_ods_code']}/{slots}"] if told else []):
                faults.append(f"{asked.tag}: the ledger has {done} as booked, told {asked.kind}")
        return faults


def _asked_for(asked: Asked, appointment: DiaryAppointment) -> bool:
    """Whether a request wanted these very slots for this patient.

    Two may: that is one appointment, and whoever settles the second finds the first, for the slots decide
    (spec AP §10.3): practices may stamp anew when an appointment was created, or join its texts.
    """
    data = asked.message["data"]
    slots = {slot.id for slot in appointment.slots}
    return data["patient"]["nhs_number"] == appointment.nhs_number and any(
        {offer["slot_id"] for offer in choice} == slots for choice in data["choices"]
    )


def _told_as_booked(asked: Asked) -> Json | None:
    """The appointment that an event says the request made."""
    found: Json | None = asked.data.get(BOOKED.get(asked.kind, "booked"))
    return found


def _told_as_cancelled(asked: Asked) -> Json | None:
    """The appointment that an event says was given up."""
    field = {"appointment.cancelled.v1": "appointment", "appointment.rescheduled.v1": "cancelled"}
    found: Json | None = asked.data.get(field.get(asked.kind, "cancelled"))
    return found


def _tag(appointment: DiaryAppointment) -> str:
    return _text_tag(appointment.history[0].description)


def _text_tag(text: str | None) -> str:
    """The request that put a text there; practices may have joined the comment to it."""
    return " ".join((text or "").split()[:2])
