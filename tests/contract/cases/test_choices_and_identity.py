"""Bundles in which one id, or one patient, is claimed by several resources; what must come of them."""

from pathlib import Path

import orjson
import pytest

from bridge.areas import GpRecord, map_record
from bridge.mapping import Asked, Source

CASES = Path(__file__).parents[4] / "shared" / "cases"
SOURCE = Source(request_id="r1", retrieved_at="2026-11-22T09:00:00Z", body_sha256="0" * 64)

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not here")


def mapped(name: str) -> GpRecord:
    content = orjson.loads((CASES / f"{name}.json").read_bytes())
    number = "9990000018"
    return map_record(content, asked=Asked(nhs_number=number), source=SOURCE)


def codes(record: GpRecord) -> set[str]:
    return {issue["code"] for issue in record["issues"]}


def test_two_drugs_of_one_id_are_not_stated_as_one():
    record = mapped("duplicate-medication")
    for course in record["medications"]:
        assert "concept_id" not in course["medication"]
        assert course["medication"]["coding_quality"] != "coded"
    assert {"duplicate_id", "medication_conflict"} <= codes(record)
    (area,) = [each for each in record["areas"] if each["area"] == "medications"]
    assert not area["complete"]


def test_two_patients_of_one_id_want_review():
    record = mapped("duplicate-patient")
    assert record["demographics"]["verdict"] == "review"
    assert "duplicate_id" in codes(record)


def test_a_number_with_blanks_is_the_same_number():
    record = mapped("subject-number-with-blanks")
    assert record["demographics"]["nhs_number"] == "match"
    assert record["unmapped"] == []
