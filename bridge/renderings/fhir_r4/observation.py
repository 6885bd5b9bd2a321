"""One observation, of whatever area it is, to an Observation of R4 (`bridge/record/observations.py`).

Amounts keep their comparators. R4 forbids one at the ends of a range, so a range that has one is told in
words. A number that is only about right has no place in R4 that every reader looks at: it is told in words
too, so that no value looks more exact than it was sent.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import orjson

from bridge.record.dates import is_known
from bridge.renderings.fhir_r4.amounts import (
    range_in_words,
    ratio_in_words,
    simple_range,
    value_quantity,
    words,
)
from bridge.renderings.fhir_r4.common import (
    Resource,
    absent,
    add_extension,
    concept,
    concept_of,
    put_date,
    quantity,
)
from bridge.renderings.fhir_r4.items import (
    Told,
    link,
    links,
    note,
    put_encounter,
    put_instant,
    put_period,
    put_status,
    start,
)
from bridge.renderings.fhir_r4.scope import PARTIES, R4Scope
from bridge.renderings.fhir_r4.uk_core import CODES
from bridge.renderings.rendering import Lost

STATUSES: Final = frozenset(
    {
        "registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error",
        "unknown",
    }
)  # fmt: skip
_SPECIMEN: Final = frozenset({"Specimen"})
_MEMBERS: Final = frozenset({"Observation", "QuestionnaireResponse"})
_DERIVED_FROM: Final = frozenset({"Observation", "QuestionnaireResponse", "DocumentReference"})
_RELATED: Final = "http://hl7.org/fhir/3.0/StructureDefinition/extension-Observation.related"
_TIME: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?", re.ASCII)
LOSSES: Final[Sequence[Lost]] = (
    Lost("**.blood_pressure", "It follows from the code."),
    Lost("**.immunisation_status", "It follows from the code, and from what refers to it."),
    Lost("**.answers.source_ref", "R4 has the answers among the components, without the response."),
    Lost("**.answers.value.read_from", "An answer is never read from a comment."),
    *(
        Lost(
            f"**.absent_reason.{name}", "Beside a value R4 has no reason for none: its words stand in a note."
        )
        for name in ("codings", "coding_quality")
    ),
    *(
        Lost(f"**.{range_}.{end}.{name}", "Of a range with a comparator, which is told in words.")
        for range_ in ("reference_ranges", "age", "value")
        for end in ("low", "high")
        for name in ("unit_code", "unit_system")
    ),
)
"""What no observation of any area says; the paths hold wherever one stands."""
_FROM_COMMENT: Final = "read from the words of the comment, which count; it was not sent by itself"


def observation(scope: R4Scope, item: Told) -> Resource:
    """An Observation of R4.

    Args:
        scope: of the bundle that it stands in.
        item: an `Observation` of the record, or a heading of results.
    """
    resource = start(scope, "Observation", item)
    notes = [item["comment"]] if "comment" in item else []
    put_status(resource, item.get("status"), STATUSES)
    if "categories" in item:
        resource["category"] = [concept(each, scope.profile) for each in item["categories"]]
    resource["code"] = concept(item["code"], scope.profile)
    resource["subject"] = scope.patient
    put_encounter(scope, resource, item)
    if "effective_to" in item:
        put_period(resource, "effectivePeriod", item.get("effective"), item["effective_to"])
    elif "effective" in item:
        put_date(resource, "effectiveDateTime", item["effective"])
    put_instant(resource, "issued", item.get("recorded_at"))
    if item["performers"]:
        resource["performer"] = [scope.party(each, PARTIES) for each in item["performers"]]
    notes += _found(scope, resource, item)
    for name, element in (("body_site", "bodySite"), ("method", "method")):
        if name in item:
            resource[element] = concept(item[name], scope.profile)
    _add_links(scope, resource, item)
    components = [_component(scope, each, notes) for each in item["components"]]
    components += [_answer(scope, each) for each in item.get("answers", ())]
    if components:
        resource["component"] = components
    if notes:
        resource["note"] = [note(each) for each in notes]
    return resource


def _found(scope: R4Scope, resource: Resource, item: Told) -> Iterator[str]:
    """Put in the value, or why there is none, and what is usual; give what these have no place for."""
    if "value" in item:
        name, value = _value(scope, item["value"])
        resource[name] = value
        if item["value"].get("read_from") is not None:
            yield f"The value was {_FROM_COMMENT}."
    if "absent_reason" in item:
        if "value" in item:
            yield f"Sent beside the value as the reason for none: {item['absent_reason']['term']}"
        else:
            resource["dataAbsentReason"] = concept(item["absent_reason"], scope.profile)
    if "interpretation" in item:
        resource["interpretation"] = [concept(item["interpretation"], scope.profile)]
    if item["reference_ranges"]:
        resource["referenceRange"] = [_reference_range(scope, each) for each in item["reference_ranges"]]


def _component(scope: R4Scope, item: Told, notes: list[str]) -> Resource:
    resource: Resource = {"code": concept(item["code"], scope.profile)}
    notes += (f"{item['code']['term']}: {each}" for each in _found(scope, resource, item))
    return resource


def _answer(scope: R4Scope, item: Told) -> Resource:
    """An answer of a questionnaire; one that is an observation of its own is a member besides."""
    question = {"text": item["question"]} if "question" in item else absent("unknown")
    resource: Resource = {"code": question}
    if "value" in item:
        name, value = _value(scope, item["value"])
        resource[name] = value
    elif "answer" not in item:
        resource["dataAbsentReason"] = concept_of(f"{CODES}data-absent-reason", "unknown")
    return resource


def _add_links(scope: R4Scope, resource: Resource, item: Told) -> None:
    answers = [each["answer"] for each in item.get("answers", ()) if "answer" in each]
    if members := [*item["members"], *answers]:
        resource["hasMember"] = links(scope, members, _MEMBERS)
    if item["part_of"]:
        resource["derivedFrom"] = links(scope, item["part_of"], _DERIVED_FROM)
    if "specimen" in item:
        resource["specimen"] = link(scope, item["specimen"], _SPECIMEN)
    for each in item.get("related", ()):
        parts = [
            {"url": "type", "valueCode": each["relation"]},
            {"url": "target", "valueReference": link(scope, each["target"])},
        ]
        add_extension(resource, {"url": _RELATED, "extension": parts})


def _value(scope: R4Scope, item: Told) -> tuple[str, Any]:
    """The element of a value, and what stands in it."""
    if item["kind"] == "coded":
        return "valueCodeableConcept", concept(item["value"], scope.profile)
    return _VALUES[item["kind"]](item)


def _quantity(item: Told) -> tuple[str, Any]:
    if item.get("approximate"):
        return "valueString", f"about {words(item)}"
    return "valueQuantity", value_quantity(item)


def _time(item: Told) -> tuple[str, Any]:
    return ("valueTime" if _TIME.fullmatch(item["value"]) else "valueString"), item["value"]


def _date_time(item: Told) -> tuple[str, Any]:
    when = item["value"]
    if not is_known(when):
        return "valueString", when["value"]
    found: Resource = {}
    put_date(found, "valueDateTime", when)
    return "valueDateTime", found["valueDateTime"]


def _period(item: Told) -> tuple[str, Any]:
    found: Resource = {}
    put_period(found, "valuePeriod", item.get("start"), item.get("end"))
    return "valuePeriod", found.get("valuePeriod", absent("unknown"))


def _range(item: Told) -> tuple[str, Any]:
    found = simple_range(item)
    return ("valueRange", found) if found is not None else ("valueString", range_in_words(item))


def _ratio(item: Told) -> tuple[str, Any]:
    if item.keys() >= {"numerator", "denominator"}:
        return "valueRatio", {name: quantity(item[name]) for name in ("numerator", "denominator")}
    return "valueString", ratio_in_words(item)


def _other(item: Told) -> tuple[str, Any]:
    """A value of a type that R4 has no place for here is told as it was sent, in JSON."""
    return "valueString", f"{item['fhir_type']}: {orjson.dumps(item['value']).decode()}"


_VALUES: Final[Mapping[str, Callable[[Told], tuple[str, Any]]]] = MappingProxyType(
    {
        "quantity": _quantity,
        "text": lambda item: ("valueString", item["value"]),
        "time": _time,
        "boolean": lambda item: ("valueBoolean", item["value"]),
        "date_time": _date_time,
        "period": _period,
        "range": _range,
        "ratio": _ratio,
        "other": _other,
    }
)


def _reference_range(scope: R4Scope, item: Told) -> Resource:
    """Limits that R4 has no place for, such as one with a comparator, stand in `text` in words."""
    resource = simple_range(item) or {}
    said = [item["text"]] if "text" in item else []
    if not resource and ("low" in item or "high" in item):
        said.append(range_in_words(item))
    if "meaning" in item:
        resource["type"] = concept(item["meaning"], scope.profile)
    if "applies_to" in item:
        resource["appliesTo"] = [concept(each, scope.profile) for each in item["applies_to"]]
    if "age" in item:
        age = simple_range(item["age"])
        if age is not None:
            resource["age"] = age
        else:
            said.append(f"age {range_in_words(item['age'])}")
    if "read_from" in item:
        said.append(_FROM_COMMENT)
    if not (said or "low" in resource or "high" in resource):
        said.append("not stated")
    if said:
        resource["text"] = "; ".join(said)
    return resource
