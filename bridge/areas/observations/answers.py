"""QuestionnaireResponse: what was answered stands in the observation that is its result (digest §5.4.2).

It is in no list of capabilities and some systems send it all the same. One that names several observations
is told in each. One whose observation was not sent, cannot be told from another of the same id, or is not
among the observations, stays unmapped: it is of no item.
"""

from collections.abc import Iterator
from typing import Final

from bridge.fhir.index import ReceivedEntry
from bridge.fhir.read import Item, JsonObject, reference_target
from bridge.mapping.modifiers import note_modifiers
from bridge.mapping.observation import observation_value
from bridge.mapping.reading import Reading
from bridge.mapping.set_aside import note_set_aside
from bridge.record.observations import Observation, QuestionnaireAnswer

_PARENT_NOT_SENT: Final = (
    "The observation that it answers for was not sent, is not one alone, or is none of this area."
)
_SET_ASIDE: Final = frozenset({"author", "basedOn", "source"})
_NUMBERS: Final = ("valueInteger", "valueDecimal")
_Told = tuple[list[QuestionnaireAnswer], list[str]]
"""The answers of a response, and the codes of what was odd about them."""


class Responses:
    """The responses of one answer, by the observations that each belongs to: at times several."""

    def __init__(self, reading: Reading, area: str) -> None:
        """Those that belong to none are set aside at once.

        Args:
            reading: the bundle being mapped.
            area: to be named where one is set aside.
        """
        self._reading = reading
        self._area = area
        self._of: dict[str, list[ReceivedEntry]] = {}
        self._known: dict[int, _Told | None] = {}
        """By `id()` of the resource: one that several observations have is read once."""
        self._holders: dict[int, tuple[ReceivedEntry, list[Observation]]] = {}
        for received in reading.distinct("QuestionnaireResponse", area):
            parents = self._parents(received)
            if not parents:
                reading.set_aside(received, "dangling_reference", _PARENT_NOT_SENT, area)
                continue
            self._holders[id(received.resource)] = received, []
            for parent in parents:
                self._of.setdefault(parent, []).append(received)
        for each in self._of.values():
            each.sort(key=reading.index.key_of)

    def add_to(self, observation: Observation) -> None:
        """Give an observation the answers that belong to it, in an order that is always the same."""
        answers: list[QuestionnaireAnswer] = []
        codes = observation["issue_codes"]
        for received in self._of.get(observation["provenance"]["source_ref"], ()):
            told = self._told(received)
            if told is None:
                codes.append("unreadable_element")
                continue
            found, noted = told
            answers += found
            codes += noted
            self._holders[id(received.resource)][1].append(observation)
        if answers:
            observation["answers"] = answers
            observation["issue_codes"] = list(dict.fromkeys(codes))

    def account(self) -> None:
        """Count each as standing in the first, by name, of the observations that have it; at the end."""
        for received, holders in self._holders.values():
            if holders:
                first = min(holders, key=lambda each: each["provenance"]["source_ref"])
                self._reading.show(received, first)
            else:
                self._reading.set_aside(received, "dangling_reference", _PARENT_NOT_SENT, self._area)

    def _told(self, received: ReceivedEntry) -> _Told | None:
        key = id(received.resource)
        if key not in self._known:
            told = self._reading.read(received, self._area, lambda item: _read(self._reading, item))
            self._known[key] = told
        elif (told := self._known[key]) is not None:
            if len(self._holders[key][1]) == 1:
                self._reading.growth.share(told[0])
            self._reading.growth.repeat(1)
        return told

    def _parents(self, received: ReceivedEntry) -> list[str]:
        sent = received.resource.get("parent")
        parents: dict[str, None] = {}
        for each in sent if type(sent) is list else [sent]:
            written = each.get("reference") if type(each) is dict else None
            if type(written) is str:
                found = self._reading.index.variants(reference_target(written), "Observation")
                if len(found) == 1 and found[0].kind == "Observation":
                    parents[found[0].ref] = None
        return list(parents)


def _read(reading: Reading, item: Item) -> tuple[list[QuestionnaireAnswer], list[str]]:
    """The answers, and the codes of what was odd about them."""
    resource = item.resource
    if item.code(resource.get("status"), "status") != "completed":
        item.note("unknown_status", "status")
    answers = list(_answers(reading, item))
    note_modifiers(reading, item)
    note_set_aside(item, resource, _SET_ASIDE)
    return answers, item.codes()


def _answers(reading: Reading, item: Item) -> Iterator[QuestionnaireAnswer]:
    """Of each question, those below another after it; without going down by recursion."""
    left = [*reversed(item.many(item.resource.get("item"), "item"))]
    while left:
        sent = left.pop()
        question = item.text(sent.get("text"), "item.text") or item.code(sent.get("linkId"), "item.linkId")
        answers = item.many(sent.get("answer"), "item.answer")
        below = item.many(sent.get("item"), "item.item")
        for each in answers or ([] if below and question is None else [{}]):
            yield _answer(reading, item, question, each)
            below = [*below, *item.many(each.get("item"), "item.answer.item")]
        left += reversed(below)


def _answer(reading: Reading, item: Item, question: str | None, sent: JsonObject) -> QuestionnaireAnswer:
    path = "item.answer"
    answer: QuestionnaireAnswer = {"source_ref": item.ref}
    if question is not None:
        answer["question"] = question
    if (link := reading.links.one(item, sent.get("valueReference"), path)) is not None:
        answer["answer"] = link
    if (value := observation_value(item, _as_of_observation(sent), f"{path}.")) is not None:
        answer["value"] = value
    return answer


def _as_of_observation(sent: JsonObject) -> JsonObject:
    """The value of an answer as an Observation would have it, which knows fewer types."""
    found: JsonObject = {}
    for key, value in sent.items():
        if key == "valueCoding":
            found["valueCodeableConcept"] = {"coding": [value]}
        elif key in _NUMBERS:
            found["valueQuantity"] = {"value": value}
        elif key.startswith("value") and key != "valueReference":
            found[key] = value
    return found
