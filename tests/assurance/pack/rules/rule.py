"""What a rule is, and what the rules of several capabilities share."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.sandbox import BY_NAME, Call
from bridge.sandbox.people import Trace
from tests.assurance.pack import wire
from tests.assurance.pack.simulated import StepRun

Steps = Sequence[StepRun]


Judge = Callable[[StepRun, Steps], Iterable[bool]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that can be seen.

    Attributes:
        duties: ids that it is about.
        how: how it is seen, in words.
        judge: of a step, with those before it: for each time that it was seen, whether it was kept.
    """

    duties: tuple[str, ...]
    how: str
    judge: Judge


def each(
    duties: str,
    how: str,
    holds: Callable[[Call], bool],
    *operations: str,
    when: Callable[[Call], bool] | None = None,
) -> Rule:
    """Of every call of these operations, or of all, that reached a practice."""

    def judge(step: StepRun, earlier: Steps) -> Iterator[bool]:
        del earlier
        for call in wire.calls(step, *operations):
            if when is None or when(call):
                yield holds(call)

    return Rule(tuple(duties.split()), how, judge)


def in_step(duties: str, how: str, holds: Callable[[StepRun, Call, Steps], bool], *operations: str) -> Rule:
    """The same, looking at what went before."""

    def judge(step: StepRun, earlier: Steps) -> Iterator[bool]:
        for call in wire.calls(step, *operations):
            yield holds(step, call, earlier)

    return Rule(tuple(duties.split()), how, judge)


def never_called(duties: str, how: str, *states: Trace) -> Rule:
    """Of patients whom PDS marks so: no practice may be asked."""

    def judge(step: StepRun, earlier: Steps) -> Iterator[bool]:
        del earlier
        if BY_NAME[step.scenario].trace in states:
            yield not any(call.upstream in ("proxy", "practice") for call in step.calls)

    return Rule(tuple(duties.split()), how, judge)


def unremarked(rule: str) -> Callable[[Call], bool]:
    return lambda call: not any(remark.startswith(rule) for remark in call.remarks)


WHOLE_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def has_profile(call: Call) -> bool:
    return bool(wire.body(call).get("meta", {}).get("profile"))


def is_patient_search(call: Call) -> bool:
    raw = call.exchange.query if call.exchange else ""
    sent = wire.values(call, "identifier")
    return len(sent) == 1 and sent[0].startswith("https://fhir.nhs.uk/Id/nhs-number|") and "|" not in raw
