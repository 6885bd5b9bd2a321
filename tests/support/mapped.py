"""Mapping a bundle the way most tests want it, and finding things in the record."""

from collections.abc import Iterable, Mapping
from typing import Any

from bridge.areas import Allergy, GpRecord, MedicationCourse, check_record, map_record
from bridge.areas.requests import Areas
from bridge.mapping import Asked, Source
from bridge.record import Area
from tests.support import bundles
from tests.support.bundles import NHS_NUMBER, Resource

SOURCE = Source(
    request_id="request-1", retrieved_at="2026-11-22T09:00:00Z", body_sha256="0" * 64, patient_key="k1-0"
)


def mapped(bundle: object, *, areas: Mapping[str, Any] | None = None, **asked: Any) -> GpRecord:
    """The record of `bundle`, checked against its schema; `areas` as a request has them."""
    options = None if areas is None else Areas.model_validate(areas).options()
    record = map_record(
        bundle, asked=Asked(**{"nhs_number": NHS_NUMBER, **asked}, areas=options), source=SOURCE
    )
    check_record(record)
    return record


def active_allergies(*allergies: Resource) -> GpRecord:
    """The record of allergies that the list of active ones names, beside an empty list of ended ones."""
    targets = [f"AllergyIntolerance/{each['id']}" for each in allergies]
    return mapped(
        bundles.record(
            bundles.record_list(bundles.ALLERGIES_LIST, *targets), bundles.ended_list(), *allergies
        )
    )


def area(record: GpRecord, name: str) -> Area:
    return next(each for each in record["areas"] if each["area"] == name)


def course(record: GpRecord) -> MedicationCourse:
    (only,) = record["medications"]
    return only


def allergy(record: GpRecord) -> Allergy:
    (only,) = record["allergies"]
    return only


def issue_codes(record: GpRecord) -> set[str]:
    return {issue["code"] for issue in record["issues"]}


def without(bundle: Resource, kinds: Iterable[str]) -> Resource:
    """The bundle without resources of some types."""
    left = [entry for entry in bundle["entry"] if entry["resource"]["resourceType"] not in kinds]
    return {**bundle, "entry": left}
