"""QuestionnaireResponse: what was answered stands in the observation that is its result (digest §5.4.2).

It is in no list of capabilities and some systems send it all the same. One whose observation was not sent, or
cannot be told from another of the same id, stays unmapped: it is of no item.
"""

from collections.abc import Iterator
from typing import Final

from bridge.fhir.index import ReceivedEntry, comparable_hash
from bridge.fhir.read import Item, JsonObject, reference_target
from bridge.mapping.modifiers import note_modifiers
from bridge.mapping.observation import observation_value
from bridge.mapping.reading import Reading
from bridge.mapping.set_aside import note_set_aside
from bridge.record.observations import Observation, QuestionnaireAnswer

_PARENT_NOT_SENT: Final = "The observation that it answers for was not sent, or is not one alone."
_SET_ASIDE: Final = frozenset({"author", "basedOn", "source"})
_NUMBERS: Final = ("valueInteger", "valueDecimal")


class Responses:
    """The responses of one answer, by the observation that each belongs to."""

    def __init__(self, reading: Reading, area: str) -> None:
        """Those that belong to none are set aside at once.

        Args:
            reading: the bundle being mapped.
            area: to be named where one is set aside.
        """
        self._reading = reading
        self._area = area
        self._of: dict[str, list[ReceivedEntry]] = {}
        for received in reading.distinct("QuestionnaireResponse", area):
            if (parent := self._parent(received)) is None:
                reading.set_aside(received, "dangling_reference", _PARENT_NOT_SENT, area)
            else:
                self._of.setdefault(parent, []).append(received)
        for each in self._of.values():
            each.sort(key=lambda one: (one.ref, comparable_hash(one.resource)))

    def add_to(self, observation: Observation) -> None:
        """Give an observation the answers that belong to it, in an order that is always the same."""
        answers: list[QuestionnaireAnswer] = []
        codes = observation["issue_codes"]
        for received in self._of.get(observation["provenance"]["source_ref"], ()):
            read = self._reading.read(received, self._area, lambda item: _read(self._reading, item))
            if read is None:
                codes.append("unreadable_element")
                continue
            found, noted = read
            answers += found
            codes += noted
            self._reading.show(received, observation)
        if answers:
            observation["answers"] = answers
            observation["issue_codes"] = list(dict.fromkeys(codes))

    def _parent(self, received: ReceivedEntry) -> str | None:
        sent = received.resource.get("parent")
        for each in sent if type(sent) is list else [sent]:
            written = each.get("reference") if type(each) is dict else None
            if type(written) is str:
                found = self._reading.index.variants(reference_target(written), "Observation")
                if len(found) == 1 and found[0].kind == "Observation":
                    return found[0].ref
        return None


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
