"""Where an item came from, why it was given, and what was written beside it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bridge.areas.record_page.words import AUDIENCES, CAME_ALONG, NO_PATIENT, concept, party, told
from bridge.mapping.page import when
from bridge.record import LinkedProblem, Note, Provenance
from bridge.record.common import AreaItem

LinkedProblems = Mapping[str, LinkedProblem]
"""By `source_ref`."""


def by_ref(problems: Iterable[LinkedProblem]) -> LinkedProblems:
    """The problems of an event, to be looked up."""
    return {each["source_ref"]: each for each in problems}


def notes(written: Sequence[Note]) -> list[str]:
    """Every note, and for whom it is."""
    return [f"{AUDIENCES[note['audience']]}{note['text']}" for note in written]


def reasons(item: Provenance, problems: LinkedProblems) -> list[str]:
    """The problems that name the item (CS-045)."""
    return [
        _problem(problems[ref]) if ref in problems else f"a problem that was not sent ({ref})"
        for ref in item["problem_refs"]
    ]


def _problem(problem: LinkedProblem) -> str:
    about = [problem["clinical_status"], problem.get("significance")]
    return f"{concept(problem['code'])} ({', '.join(each for each in about if each)})"


def origin(item: Provenance) -> list[str]:
    """Who is responsible, who entered it and when, and where to find it."""
    said = [
        ("By", party(item.get("author"))),
        ("Entered by", party(item.get("recorder"))),
        ("Recorded", when(item.get("recorded_at"))),
        ("Source", item["source_ref"]),
    ]
    return [f"{name}: {value}" for name, value in said if value]


def marks(item: AreaItem) -> Iterator[str]:
    """What every item may have to be warned of: why it is here, what was noticed, who must not see it."""
    if "linked_only" in item:
        yield CAME_ALONG
    yield from told(item["issue_codes"])
    yield from labels(item["provenance"])


def labels(item: Provenance) -> list[str]:
    """Who must not see it (CS-059)."""
    return secrecy(item["security_labels"])


def secrecy(labels: Sequence[str]) -> list[str]:
    """What security labels say."""
    return [NO_PATIENT if label == "NOPAT" else f"Security label: {label}" for label in labels]
