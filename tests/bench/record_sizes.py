"""Structured records of three sizes, made of the builders of the tests: the same bytes in every run."""

from typing import Final

import orjson

from tests.support import bundles

SIZES: Final = ("0.8 KB", "25 KB", "242 KB")
COURSES: Final = (None, 5, 55)
_ISSUES: Final = 2


def record(courses: int | None) -> bundles.Resource:
    """A record of so many courses with two issues each; of None, one with nothing but its people."""
    if courses is None:
        return {**bundles.bundle(bundles.patient(), bundles.organisation())}
    plans, issued, products = [], [], []
    for n in range(courses):
        drug = {"medicationReference": bundles.reference(f"Medication/m{n}")}
        products.append(bundles.medication(f"m{n}", code=_product(n)))
        plans += [bundles.statement(f"s{n}", f"plan{n}", **drug), bundles.plan(f"plan{n}", **drug)]
        issued += [bundles.order(f"order{n}-{issue}", f"plan{n}", **drug) for issue in range(_ISSUES)]
    return bundles.record(
        bundles.record_list(bundles.MEDICATIONS_LIST, *(f"MedicationStatement/s{n}" for n in range(courses))),
        bundles.record_list(bundles.ALLERGIES_LIST, "AllergyIntolerance/a1"),
        bundles.ended_list(bundles.ended_allergy()),
        bundles.allergy(),
        *products,
        *plans,
        *issued,
    )


def record_of(size: int, nhs_number: str, ods: str) -> bytes:
    """The bytes of a record, of this patient at this practice."""
    text = orjson.dumps(record(COURSES[size])).decode()
    return text.replace(bundles.NHS_NUMBER, nhs_number).replace(bundles.ODS, ods).encode()


def _product(n: int) -> bundles.Resource:
    return bundles.concept("323509004", f"Medicine number {n} 250mg capsules")
