"""Every answer of the corpus in HL7 v2: nothing raises, and no list that is not whole looks whole."""

import pytest

from bridge.operations.rendered import rendered
from bridge.renderings.rendering import Rendered, RenderingOptions
from tests.support.corpus import CORPUS, content, files, record_of
from tests.support.hl7v2 import er7, kind

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")


def test_a_snapshot_is_of_a_whole_area_and_of_no_ended_item():
    kinds = set()
    for name in files("bundle"):
        record = record_of(content(name))
        record["demographics"]["verdict"] = "accept"
        record.setdefault("nhs_number", "9990000018")
        whole = {area["area"]: area["complete"] for area in record["areas"]}
        for made in rendered(record, "hl7v2", RenderingOptions()):
            if not isinstance(made, Rendered):
                assert made.reason in ("field_too_long", "not_expressible"), (name, made)
                continue
            found = er7(made)
            kinds.add(kind(found))
            if kind(found) == "ADT^A31":
                active = [each for each in record["allergies"] if each["clinical_status"] != "resolved"]
                assert whole["allergies"], name
                assert 0 < len(found.all("AL1")) <= len(active), name
            if kind(found) == "VXU^V04":
                given = [each for each in record["immunisations"] if each.get("given")]
                assert whole["immunisations"], name
                assert len(found.all("RXA")) == len(given), name
    assert kinds == {"ADT^A31", "VXU^V04", "ORU^R01"}
