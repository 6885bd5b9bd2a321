"""The hazard log is whole, its controls name tests that there are, and no grave hazard is open."""

import re
import tomllib

import pytest

from tests.assurance.hazards import FOLDER, MATRIX, SEVERITIES, Hazard, grave_and_open, load, written_tests

HAZARDS = load()
STANDING = written_tests(HAZARDS)
# What a log of this product has at the least, by file.
AT_LEAST = {
    "wrong_patient",
    "out_of_date",
    "absence_as_none",
    "ended_as_active",
    "uncoded_allergy",
    "dose_text",
    "numbers_changed",
    "medication_list",
    "two_or_no_appointment",
    "doubt_not_seen",
    "late_replay",
    "html",
    "wrong_reader",
    "clock",
    "slow_practice",
    "upgrade",
    "hl7_snapshot",
    "r4_loss",
    "document_of_another",
    "infected_document",
}


def table(**changes):
    row = tomllib.loads((FOLDER / "01_wrong_patient.toml").read_text(encoding="utf-8"))
    return row | changes


def test_no_hazard_is_missing():
    assert AT_LEAST - {file.stem.partition("_")[2] for file in FOLDER.glob("*.toml")} == set()
    assert {cause.level for hazard in HAZARDS for cause in hazard.cause} == {
        "record",
        "mapping",
        "transport",
        "bus",
        "booking",
        "display",
        "human",
    }


@pytest.mark.parametrize("hazard", HAZARDS, ids=lambda hazard: hazard.id)
def test_every_test_that_a_control_names_is_there(hazard):
    assert [test for control in hazard.control for test in control.missing(STANDING)] == []


def test_no_hazard_of_severity_major_or_above_is_open():
    assert grave_and_open(HAZARDS, STANDING) == []


def test_a_test_that_is_gone_opens_its_hazard():
    hazard = HAZARDS[0]
    gone = hazard.control[1].tests[0]
    assert hazard.is_open(STANDING - {gone})
    assert grave_and_open(HAZARDS, STANDING - {gone}) == [f"{hazard.id} {hazard.title}: {gone}"]


def test_a_hazard_of_less_than_major_may_be_open_and_says_so():
    lesser = next(hazard for hazard in HAZARDS if hazard.initial.severity == "considerable")
    assert lesser.is_open(set())
    assert grave_and_open([lesser], set()) == []
    assert not lesser.is_open(STANDING)


def test_one_that_says_that_it_is_open_is():
    hazard = Hazard.model_validate(table(status="open"))
    assert grave_and_open([hazard], STANDING) == [f"{hazard.id} {hazard.title}: open"]


@pytest.mark.parametrize(
    ("source", "stand"),
    [
        ("def test_it(): ...", True),
        ("async def test_it(): ...", True),
        ("class TestIt:\n    def test_it(self): ...", True),
        ("def helper():\n    def test_it(): ...", False),
        ("def test_another(): ...", False),
        ("@pytest.mark.skip(reason='x')\ndef test_it(): ...", False),
        ("@pytest.mark.skipif(True, reason='x')\ndef test_it(): ...", False),
        ("@pytest.mark.xfail\ndef test_it(): ...", False),
        ("pytestmark = [pytest.mark.skip(reason='x')]\ndef test_it(): ...", False),
        ("@pytest.mark.skip\nclass TestIt:\n    def test_it(self): ...", False),
        ("@pytest.mark.duty('CS-001')\ndef test_it(): ...", True),
    ],
)
def test_only_a_test_that_runs_everywhere_counts(tmp_path, source, stand):
    (tmp_path / "test_x.py").write_text(source)
    proof = {"kind": "test", "words": "It holds.", "tests": ["test_x.py::test_it"]}
    others = [control for control in table()["control"] if control["kind"] != "test"]
    hazard = Hazard.model_validate(table(control=[*others, proof]))
    assert hazard.is_open(written_tests([hazard], tmp_path)) is not stand


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"effect": "No sentence"}, "effect"),
        ({"initial": {"severity": "bad", "likelihood": "low"}}, "initial.severity"),
        ({"cause": []}, "cause"),
        ({"remark": "x"}, "remark"),
        (
            {"control": [{"kind": "design", "words": "It is so."}]},
            "has no control of the kind test, training",
        ),
        ({"control": [{"kind": "test", "words": "It is so."}]}, "a control names tests when"),
        (
            {"residual": {"severity": "major", "likelihood": "high", "why": "So it is."}},
            "above what may remain",
        ),
    ],
)
def test_a_faulty_hazard_is_refused_by_its_field(change, fault):
    with pytest.raises(ValueError, match=re.escape(fault)):
        Hazard.model_validate(table(**change))


def test_a_file_with_a_fault_is_named(tmp_path):
    text = (FOLDER / "01_wrong_patient.toml").read_text(encoding="utf-8")
    (tmp_path / "01_a.toml").write_text(text)
    (tmp_path / "02_b.toml").write_text(text)
    (tmp_path / "03_c.toml").write_text(text.replace('owner = "supplier"', 'owner = "nobody"'))
    with pytest.raises(ValueError, match=r"(?s)03_c\.toml: owner: .*HZ-01: stands twice"):
        load(tmp_path)


def test_risk_grows_with_severity_and_likelihood():
    rows = [MATRIX[name] for name in ("very low", "low", "medium", "high", "very high")]
    assert all(len(row) == len(SEVERITIES) and list(row) == sorted(row) for row in rows)
    assert all(list(column) == sorted(column) for column in zip(*rows, strict=True))
