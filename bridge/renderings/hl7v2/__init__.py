"""HL7 v2.4 messages of allergies, medications and immunisations, for systems that read them over MLLP.

Each area has one topic and one message of an answer. A **snapshot** (ADT^A31 with AL1, VXU^V04)
is made only of an area that is complete: a receiver may replace all that it has by it. Whatever else was
answered goes out as a **report** (ORU^R01), words for a person to read, which no receiver takes for a list.
Where the patient must be looked at first, or a field cannot be told as it is, nothing is sent and the
manifest says why. A site may agree on **updates** of allergies (ADT^A60 with IAM) in place of the snapshot:
then the report goes out too, beside them or alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, cast

from bridge.areas.allergies.events import ALLERGIES_PUBLISHED, AllergiesPublished
from bridge.areas.immunisations.events import IMMUNISATIONS_PUBLISHED
from bridge.areas.medications.events import MEDICATIONS_PUBLISHED
from bridge.renderings.hl7v2 import allergies, allergy_updates, immunisations, medications
from bridge.renderings.hl7v2.losses import LOSSES
from bridge.renderings.hl7v2.message import ER7, Content, message
from bridge.renderings.rendering import (
    Hl7v2Options,
    Rendered,
    RenderingOptions,
    RenderingSpec,
    WholeAnswer,
    Withheld,
)

_MESSAGES: Final[Mapping[str, tuple[str, Callable[[Any], Content]]]] = MappingProxyType(
    {
        ALLERGIES_PUBLISHED: ("allergies.rendered.hl7v2.v1", allergies.content),
        MEDICATIONS_PUBLISHED: ("medications.rendered.hl7v2.v1", medications.content),
        IMMUNISATIONS_PUBLISHED: ("immunisations.rendered.hl7v2.v1", immunisations.content),
    }
)
"""Topic, and what makes the content of a message of the data of an event, by its kind."""


def render(answer: WholeAnswer, options: RenderingOptions) -> Sequence[Rendered | Withheld]:
    """The messages of an answer, one for each area that it has and that is told in HL7 v2."""
    return list(_rendered(answer, options))


def _rendered(answer: WholeAnswer, options: RenderingOptions) -> Iterator[Rendered | Withheld]:
    for kind, (topic, content) in _MESSAGES.items():
        event = answer.of(kind)
        if event is None:
            continue
        data = cast("Any", event.data)
        if data["demographics"]["verdict"] != "accept":
            yield Withheld(topic, "patient_in_review", "demographics.verdict is not accept")
        elif kind == ALLERGIES_PUBLISHED and options.hl7v2.allergies == "changes":
            yield from _updates(answer, data, topic, options.hl7v2)
        else:
            yield message(answer, data, topic, options.hl7v2, content(data))


def _updates(
    answer: WholeAnswer, data: AllergiesPublished, topic: str, options: Hl7v2Options
) -> Iterator[Rendered | Withheld]:
    known = allergy_updates.told_before(answer.before, data)
    found = allergy_updates.updates(data, known)
    if isinstance(found, Content):
        yield message(answer, data, topic, options, found)
    else:
        yield Withheld(topic, found.reason, found.detail)
    yield message(answer, data, topic, options, allergy_updates.words(data, known), second="report")


HL7V2: Final = RenderingSpec(
    name="hl7v2",
    reads=frozenset(_MESSAGES),
    topics={topic: ER7 for topic, _ in _MESSAGES.values()},
    losses=LOSSES,
    render=render,
)
