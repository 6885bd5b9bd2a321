"""The practice's side: records that change between two requests, and the facts that an EPR's copy must have."""

import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from bridge.sandbox.structured.record import Record

Facts = dict[str, tuple[str, ...]]
"""By the business identifier of an item, what must be right of it."""

DEGRADED = frozenset({"196461000000101", "196471000000108"})
"""Codes that only say that the real one was lost: in FHIR R4 they are never told as codes."""
PATIENTS = (
    *("rich_record", "repeat_dispensing", "dosage_changed", "degraded_codes"),
    *("stopped_course", "issue_counts", "quantity_forms", "every_type"),
)


def add_an_allergy(chance: random.Random, record: Record) -> None:
    if record.allergies:
        new = deepcopy(record.allergies[0])
        made = f"{chance.getrandbits(64):016x}"
        new["id"] = made
        new["identifier"] = [{**new["identifier"][0], "value": made}]
        record.allergies.append(new)


def drop_an_allergy(chance: random.Random, record: Record) -> None:
    if len(record.allergies) > 1:
        record.allergies.pop(chance.randrange(len(record.allergies)))


def change_a_dose(chance: random.Random, record: Record) -> None:
    if record.courses:
        course = chance.choice(record.courses)
        course.statement["dosage"] = [{"text": f"Take {chance.randrange(2, 99)} in the morning"}]


def stop_a_course(chance: random.Random, record: Record) -> None:
    if record.courses:
        course = chance.choice(record.courses)
        course.statement["status"] = course.plan["status"] = "stopped"


def withhold_something(_chance: random.Random, record: Record) -> None:
    record.warnings["includeMedication"] = ("confidential-items",)


def withhold_nothing(_chance: random.Random, record: Record) -> None:
    record.warnings.clear()


CHANGES: tuple[Callable[[random.Random, Record], None], ...] = (
    add_an_allergy,
    drop_an_allergy,
    change_a_dose,
    stop_a_course,
    withhold_something,
    withhold_nothing,
)


def facts_of(record: Record) -> dict[str, Facts]:
    """What the practice holds, read from its own resources."""
    active = {_identifier(each): _allergy(each, "active") for each in record.allergies}
    ended = {_identifier(each): _allergy(each, "resolved") for each in record.ended}
    return {
        "allergies": {**active, **ended},
        "medications": {_identifier(each.statement): _course(each.statement) for each in record.courses},
    }


def coded(facts: Facts) -> Facts:
    """The same without the codes that mean nothing."""
    return {name: tuple("" if each in DEGRADED else each for each in fact) for name, fact in facts.items()}


def facts_of_items(area: str, items: dict[str, Any]) -> Facts:
    """The same of items as they are published."""
    if area == "allergies":
        return {_value(name): _published_allergy(item) for name, item in items.items()}
    return {
        _value(name): (
            item["status"],
            next((each["text"] for each in item["dosage"] if "text" in each), ""),
        )
        for name, item in items.items()
    }


def facts_of_resources(area: str, resources: list[Any]) -> Facts:
    """The same of resources in FHIR R4."""
    kind = {"allergies": "AllergyIntolerance", "medications": "MedicationStatement"}[area]
    found = [each for each in resources if each["resourceType"] == kind]
    if area == "allergies":
        return {
            _identifier(each): _allergy(each, each["clinicalStatus"]["coding"][0]["code"]) for each in found
        }
    return {_identifier(each): _course(each) for each in found}


def active_codes(facts: Facts) -> list[str]:
    """Codes of active allergies; empty for one that has none."""
    return sorted(code for status, code in facts.values() if status == "active")


def codes_of_messages(messages: list[str]) -> list[str]:
    """The same of the AL1 or the IAM segments of an answer in HL7 v2."""
    lines = [line for message in messages for line in message.split("\r")]
    agents = [line.split("|")[3].split("^") for line in lines if line.startswith(("AL1|", "IAM|"))]
    return sorted(agent[0] if agent[2:3] == ["SCT"] else "" for agent in agents)


def _course(resource: Any) -> tuple[str, ...]:
    return resource["status"], next(
        (each["text"] for each in resource.get("dosage", ()) if "text" in each), ""
    )


def _published_allergy(item: Any) -> tuple[str, ...]:
    return item["clinical_status"], item["substance"].get("concept_id", "")


def _allergy(resource: Any, status: str) -> tuple[str, ...]:
    codings = resource["code"].get("coding", [])
    snomed = [each["code"] for each in codings if each["system"] == "http://snomed.info/sct"]
    return status, next(iter(snomed), "")


def _identifier(resource: Any) -> str:
    return str(resource["identifier"][0]["value"])


def _value(item_id: str) -> str:
    return item_id.rpartition("|")[2]
