"""What real records got wrong, in FHIR R4: valid, and no more certain than the record."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bridge.fhir.parsing import parse
from tests.contract.corpus.test_areas import record_of
from tests.support.r4 import faults, of_kind, rendered_record
from tests.support.r4.bundles import codings

CASES = Path(__file__).parents[4] / "shared" / "cases"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not here")

BUNDLES = sorted(each.stem for each in CASES.glob("*.json") if not each.stem.startswith("html-"))


@cache
def bundle(name: str) -> Any:
    return rendered_record(record_of(parse((CASES / f"{name}.json").read_bytes()).content))


@pytest.mark.parametrize("name", BUNDLES)
def test_a_case_is_valid(name: str) -> None:
    assert faults(bundle(name)) == []
