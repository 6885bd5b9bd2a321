"""Sections of the care record: asked for side by side, kept as they come, and made safe to show."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import orjson

from bridge.contracts.care_record import CareRecordRequest, DayRange
from bridge.contracts.care_record_events import NotShown
from bridge.engine.journal.answers import AnswerJournal
from bridge.engine.memory_budget import Reservation
from bridge.errors import FailureCode, HeldBack, Refused, RequestFailed, ResponseInvalid, Unavailable
from bridge.fhir.parameters import DayPeriod
from bridge.fhir.parsing import Parsed
from bridge.gpconnect.answer import PracticeAnswer
from bridge.gpconnect.client import GpConnect
from bridge.mapping import Source, collector_paused
from bridge.mapping.care_record import SectionAsked, map_section
from bridge.observe.spans import stage
from bridge.pipelines.care_record import CareRecord
from bridge.pipelines.details import details_of
from bridge.record.care_record import CareRecordSection
from bridge.record.sections import SECTIONS, SectionCode
from bridge.spine.interactions import CARE_RECORD
from bridge.spine.pds import TracedPatient
from bridge.values import dataclass

AT_ONCE: Final = 4
"""Calls of one request to a practice at a time: all ten would weigh on it as ten clinicians do."""

FRESH: Final = timedelta(minutes=15)
"""How long an answer to an earlier try is as good as a new one: the record is used in real time (HT-012)."""

_TO_FINISH: Final = 5.0
"""Seconds of a try that are left for what came: a slow section must not cost the others."""

_ENVELOPE: Final = 4096
"""More bytes than an event has around its data."""

_HOLDS_FOR_ALL: Final = frozenset(
    {
        FailureCode.PATIENT_NOT_FOUND,
        FailureCode.PATIENT_RESTRICTED,
        FailureCode.INVALID_NHS_NUMBER,
        FailureCode.PRACTICE_MISMATCH,
        FailureCode.SHARING_REFUSED,  # HT-033: who dissents is not asked about nine times more
        FailureCode.CONFIGURATION,
    }
)

WantedSection = tuple[SectionCode, DayRange | None]
Ask = Callable[[SectionCode, DayRange | None], Awaitable[PracticeAnswer]]


@dataclass(frozen=True, slots=True)
class Answers:
    """What came of the sections that were asked for; each stands in one of the two."""

    came: dict[SectionCode, PracticeAnswer]
    failed: dict[SectionCode, RequestFailed]


async def ask_side_by_side(
    wanted: Sequence[WantedSection], ask: Ask, *, until: float | None = None
) -> Answers:
    """Ask for sections, a few at a time, and fewer when the practice's bulkhead has no room for more.

    Args:
        wanted: the sections, in the order in which they are asked for.
        ask: asks for one.
        until: by the event loop's clock; a section that has not come by then did not come in time.

    Raises:
        Refused: the answer to one holds for all: no more is asked, and nothing is given.
    """
    waiting = deque(wanted)
    held: list[Unavailable] = []
    answers = Answers({}, {})

    async def work() -> None:
        while waiting:
            code, period = waiting.popleft()
            try:
                answers.came[code] = await ask(code, period)
            except HeldBack as error:
                # Who else is at work takes it up when there is room; if nobody is, it was held back.
                held.append(error)
                waiting.append((code, period))
                return
            except RequestFailed as error:
                if _holds_for_all(error):
                    waiting.clear()
                    raise
                answers.failed[code] = error

    try:
        async with asyncio.timeout_at(until), asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(wanted))):
                group.create_task(work())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    except TimeoutError:
        held.append(Unavailable(FailureCode.PROVIDER_TIMEOUT, stage="engine", detail="request timeout"))
    missing = [code for code, _ in wanted if code not in answers.came | answers.failed]
    if missing:
        *_, last_held = held
        answers.failed.update(dict.fromkeys(missing, last_held))
    return answers


def _holds_for_all(error: RequestFailed) -> bool:
    return isinstance(error, Refused) and (
        error.code in _HOLDS_FOR_ALL or error.stage in {"request", "pds", "sds"}
    )


def still_good(
    earlier: Iterable[tuple[str, PracticeAnswer]], *, practice_ods: str, now: datetime
) -> dict[SectionCode, PracticeAnswer]:
    """Those answers to earlier tries of a request that need not be asked for again.

    Args:
        earlier: what was asked, as `kept_as` names it, and the answer; oldest first.
        practice_ods: where the patient is registered now: what another practice said does not count.
        now: the time.
    """
    codes = {kept_as(code): code for code in SECTIONS}
    return {
        codes[asked]: answer
        for asked, answer in earlier
        if asked in codes
        and answer.practice_ods == practice_ods
        and now - datetime.fromisoformat(answer.retrieved_at) < FRESH
    }


@dataclass(frozen=True, slots=True)
class Retrieval:
    """One request's retrieval of sections.

    Attributes:
        request_key: under which the ledger knows it.
        patient: traced for this request.
        patient_key: their pseudonym.
        ends_at: when this try is cut off, by the event loop's clock.
        largest_event: bytes that one event may have; None is without a limit.
    """

    gpconnect: GpConnect
    answers: AnswerJournal
    reservation: Reservation
    request: CareRecordRequest
    request_key: str
    patient: TracedPatient
    patient_key: str
    ends_at: float
    largest_event: int | None

    async def run(self) -> CareRecord:
        """Ask for what an earlier try did not bring, and make all of it safe to show.

        Raises:
            RequestFailed: no section can be shown; Unavailable when another try may help.
        """
        earlier = await self.answers.kept_answers(self.request_key)
        kept = still_good(earlier, practice_ods=self.patient.practice_ods, now=datetime.now(UTC))
        wanted = [(code, period) for code, period in self.request.sections.wanted() if code not in kept]
        answers = await ask_side_by_side(wanted, self._asking(), until=self.ends_at - _TO_FINISH)
        await self.reservation.take(sum(len(answer.body) for answer in kept.values()))
        return self._shown(kept | answers.came, answers.failed)

    def _asking(self) -> Ask:
        turn = asyncio.Lock()

        async def ask(code: SectionCode, period: DayRange | None) -> PracticeAnswer:
            answer = await self.gpconnect.care_record_section(
                self.patient,
                code,
                period=DayPeriod(period.start, period.end) if period else None,
                requested_by=self.request.requested_by,
                # Without an encounter of the user's, the request itself is one: one look-up for all sections.
                encounter_id=self.request.encounter_id or self.request_key,
            )
            async with turn:  # one after another, because who waits for room must not hold any
                await self.reservation.take(len(answer.body))
            await self.answers.keep_answer(self.request_key, kept_as(code), answer)
            return answer

        return ask

    def _shown(
        self, came: dict[SectionCode, PracticeAnswer], failed: dict[SectionCode, RequestFailed]
    ) -> CareRecord:
        sections: list[CareRecordSection] = []
        not_shown: list[NotShown] = []
        for code, period in self.request.sections.wanted():
            outcome = self._show(code, period, came[code]) if code in came else NotShown(code, failed[code])
            if isinstance(outcome, NotShown):
                not_shown.append(outcome)
            else:
                sections.append(outcome)
        record = CareRecord(sections, not_shown)
        if not sections:
            first, *_ = not_shown
            raise record.missing or first.error
        return record

    def _show(
        self, code: SectionCode, period: DayRange | None, answer: PracticeAnswer
    ) -> CareRecordSection | NotShown:
        try:
            with stage("map"), collector_paused():
                parsed = answer.parsed()
                section = map_section(
                    parsed.content, asked=self._asked(code, period), source=self._source(answer, parsed)
                )
        except ResponseInvalid as error:
            return NotShown(code, error)
        failure = section.get("failure")
        if failure is not None:
            unusable = ResponseInvalid(stage="mapping", detail=failure, body_sha256=answer.body_sha256)
            return NotShown(code, unusable, failure)
        if not self._fits(section):
            too_large = RequestFailed(FailureCode.CONFIGURATION, stage="engine", detail="event_too_large")
            return NotShown(code, too_large)
        return section

    def _fits(self, section: CareRecordSection) -> bool:
        """Whether the bus takes it: else it would cost the request every other section as well."""
        return self.largest_event is None or len(orjson.dumps(section)) + _ENVELOPE <= self.largest_event

    def _asked(self, code: SectionCode, period: DayRange | None) -> SectionAsked:
        return SectionAsked(
            code=code,
            start=period.start if period else None,
            end=period.end if period else None,
            **details_of(self.request.patient, self.patient),
        )

    def _source(self, answer: PracticeAnswer, parsed: Parsed) -> Source:
        return Source(
            request_id=self.request_key,
            retrieved_at=answer.retrieved_at,
            body_sha256=answer.body_sha256,
            holder_ods=answer.practice_ods,
            patient_key=self.patient_key,
            issues=parsed.issues,
            may_hold_modifiers=parsed.may_hold_modifiers,
        )


def kept_as(code: SectionCode) -> str:
    """Tells the answers of one request apart, in the ledger and in the vault."""
    return f"{CARE_RECORD.id}#{code}"
