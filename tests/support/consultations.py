"""Consultations as practices send them, and what came of one: its topics, headings and words."""

from collections.abc import Iterator
from typing import Any

from tests.support import bundles as b
from tests.support.mapped import mapped
from tests.support.whole_record import (
    COMMENT,
    encounter,
    observation,
)

MAIN = "1149501000000101"


CONSULTATION, TOPIC, HEADING = "325851000000107", "25851000000105", "24781000000107"


ALONE: dict[str, Any] = {"consultations": {}}


def words(local_id: str, said: Any = "Coughing.", **overrides: Any) -> b.Resource:
    return observation(local_id, b.concept(COMMENT, "Comment note"), **{"comment": said, **overrides})


def record_of(*resources: Any, areas: Any = ALONE, main: bool = True) -> Any:
    listed = [b.record_list(MAIN, "Encounter/e1")] if main else []
    return mapped(b.record(*listed, *resources), areas=areas)


def consultation(*resources: Any, **options: Any) -> Any:
    [only] = record_of(encounter(), *resources, **options)["consultations"]
    return only


def shape(of: Any) -> list[Any]:
    """Of each topic its title, what it names outside of headings, and each heading with what it names."""
    return [
        (
            topic.get("title"),
            refs(topic),
            [(heading.get("title"), refs(heading)) for heading in topic["headings"]],
        )
        for topic in of["topics"]
    ]


def refs(section: Any) -> list[str]:
    return [link.get("source_ref") or link.get("display") or link["reference"] for link in section["items"]]


def narrative(of: Any) -> Iterator[Any]:
    for topic in of["topics"]:
        for section in (topic, *topic["headings"]):
            yield from section["narrative"]


def told(of: Any) -> list[str]:
    return [each["text"] for each in narrative(of)]
