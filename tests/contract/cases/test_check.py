"""Resources that are clearly no FHIR STU3, each of which the strict check must find."""

from pathlib import Path

import orjson
import pytest

from bridge.fhir.check import check_bundle
from bridge.fhir.index import index_bundle

CASES = Path(__file__).parents[4] / "shared" / "cases"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not here")


def test_each_invalid_resource_is_found():
    bundle = orjson.loads((CASES / "check-passes-all-of-these.json").read_bytes())
    found = {each.resource for each in check_bundle(bundle)}
    assert found >= {received.ref for received in index_bundle(bundle).received}
