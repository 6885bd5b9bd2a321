"""The register is complete and well formed, and the report built on it tells the truth."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.duties.proofs import ROOT, unknown_claims
from tests.duties.register import FOLDER, Duty, faults, load

SPEC = ROOT.parent / "shared" / "spec"
DUTIES = load()


def test_every_digest_has_all_its_duties():
    assert Counter(duty.digest for duty in DUTIES.values()) == {
        "AP": 84,
        "CS": 118,
        "DO": 26,
        "FN": 34,
        "HT": 37,
        "JO": 33,
        "PD": 1,
        "SP": 81,
    }


@pytest.mark.skipif(
    not SPEC.is_dir(), reason="the digests of the specification are not beside this repository"
)
def test_the_ids_are_those_of_the_digests():
    text = "\n".join(file.read_text(encoding="utf-8") for file in SPEC.glob("*.md"))
    listed = re.findall(r"^(?:\| |- )((?:AP|CS|DO|FN|HT|JO|SP)-\d{3})(?: \||\ \[)", text, flags=re.MULTILINE)
    # PD is of the service's own pages, of which there is no digest.
    assert sorted(name for name, duty in DUTIES.items() if duty.digest != "PD") == sorted(listed)


GOOD = {
    "id": "CS-001",
    "level": "MUST",
    "words": "Ask.",
    "page": "a_page",
    "versions": ["1.6"],
    "met_by": "software",
}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"level": "OUGHT"}, "level may not be 'OUGHT'"),
        ({"met_by": "nobody"}, "met_by may not be 'nobody'"),
        ({"versions": ["9"]}, "versions may not be '9'"),
        ({"versions": []}, "names no version"),
        ({"area": "dentistry"}, "area may not be 'dentistry'"),
        ({"words": "Ask"}, "words is not a sentence"),
        ({"id": "SP-001"}, "stands in the file of CS"),
        ({"met_by": "deployer"}, "does not say what the deployer must do"),
        ({"remark": "x"}, "has an unknown field remark"),
    ],
)
def test_a_faulty_row_is_found(change, fault):
    assert faults(GOOD, "CS") == []
    assert faults(GOOD | change, "CS") == [fault]


def test_a_missing_field_is_found():
    assert faults({"id": "CS-001"}, "CS") == [f"lacks {name}" for name in sorted(GOOD.keys() - {"id"})]


def test_an_id_stands_once(tmp_path: Path):
    file = (FOLDER / "cs.toml").read_text(encoding="utf-8")
    (tmp_path / "cs.toml").write_text(file + file[file.index("[[duty]]") : file.index("[[duty]]", 80)])
    with pytest.raises(ValueError, match="CS-001: stands twice"):
        load(tmp_path)


def test_the_operators_guide_names_the_duties_of_appointments_that_nobody_else_meets():
    guide = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:AP|FN)-\d{3}\b", guide))
    theirs = {duty.id for duty in DUTIES.values() if duty.met_by == "deployer"}
    assert named == {duty for duty in theirs if duty.startswith(("AP-", "FN-"))}


def test_every_marker_of_this_run_names_a_duty(request: pytest.FixtureRequest):
    assert [fault for item in request.session.items for fault in unknown_claims(item, DUTIES.keys())] == []


def report(tmp_path: Path, tests: str, *options: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "test_claims.py"
    file.write_text("import pytest\n" + tests)
    command = [sys.executable, "-m", "tests.duties", *options, str(file)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def claim(*ids: str, mark: str = "", name: str = "test_it") -> str:
    names = ", ".join(f'"{duty}"' for duty in ids)
    return f"{mark}\n@pytest.mark.duty({names})\ndef {name}(): ...\n"


def open_duties(digest: str) -> list[str]:
    """What only a test can close."""

    def waits(duty: Duty) -> bool:
        return duty.digest == digest and duty.met_by == "software" and not duty.later

    return [duty.id for duty in DUTIES.values() if waits(duty)]


def test_the_gate_closes_when_the_last_open_duty_is_proven(tmp_path: Path):
    *most, last = open_duties("CS")
    failing = report(tmp_path, claim(*most), "--digest", "CS")
    assert (failing.returncode, failing.stderr.strip()) == (1, f"open: {last}")

    passing = report(tmp_path, claim(*most, last), "--digest", "CS")
    assert (passing.returncode, passing.stderr) == (0, "")
    assert f"{last}  proven" in passing.stdout
    assert "by ::test_it\n" in passing.stdout
    # CS-060 (NOPAT after a migration) waits for migrations; CS-013 is not ours.
    assert "CS-060  later area" in passing.stdout
    assert "CS-013  deployer's" in passing.stdout
    assert "CS: 118 duties: 101 proven, 16 deployer's, 0 open, 1 later area" in passing.stdout


@pytest.mark.parametrize(
    "mark",
    [
        "@pytest.mark.skip(reason='x')",
        "@pytest.mark.skipif(True, reason='x')",
        "@pytest.mark.xfail",
        "pytestmark = pytest.mark.skip(reason='x')",
    ],
)
def test_a_test_that_need_not_pass_proves_nothing(tmp_path: Path, mark: str):
    done = report(tmp_path, claim(*open_duties("SP"), mark=mark), "--digest", "SP")
    assert (done.returncode, done.stderr.strip()) == (1, f"open: {', '.join(open_duties('SP'))}")


def test_a_condition_that_does_not_hold_leaves_the_proof(tmp_path: Path):
    done = report(tmp_path, claim("SP-010", mark="@pytest.mark.skipif(False, reason='x')"))
    assert "SP-010  proven" in done.stdout


@pytest.mark.parametrize(
    ("tests", "problem"),
    [
        (claim("CS-999"), "CS-999 is not in the register"),
        (claim(), "the duty marker takes ids"),
        ("import no_such_module", "cannot be collected"),
    ],
)
def test_a_report_that_cannot_be_trusted_says_so(tmp_path: Path, tests: str, problem: str):
    done = report(tmp_path, tests)
    assert done.returncode == 2
    assert problem in done.stderr


def test_an_unknown_digest_is_refused(tmp_path: Path):
    done = report(tmp_path, claim("SP-010"), "--digest", "XX")
    assert done.returncode == 2
    assert "no such digest: XX" in done.stderr
