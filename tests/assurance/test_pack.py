"""The frame of the pack, on small facts that are made up: the same facts make the same bytes, and an open control fails."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.assurance import write_pack
from bridge.sandbox import Call
from bridge.sandbox.control.calls import Exchange
from tests.assurance.hazards import ROOT, Hazard
from tests.assurance.pack import conformance, hazard_log, requirements, safety_case, scenarios
from tests.assurance.pack.facts import TreeFacts
from tests.assurance.pack.first_of_type import FirstOfType, ScenarioRun
from tests.assurance.pack.parts import PARTS as ALL_PARTS
from tests.assurance.pack.questions import QUESTIONS
from tests.assurance.pack.rules import RULES
from tests.assurance.pack.run import Outcome, TestRun, read_run
from tests.assurance.pack.simulated import SentRequest, Simulation, StepRun, asked_by
from tests.duties.register import Duty
from tests.duties.register import load as load_duties

AT = datetime(2026, 11, 30, 4, 5, tzinfo=UTC)
FIND = "urn:nhs:names:services:gpconnect:fhir:rest:search:patient-1"
FILE = "tests/assurance/test_pack.py"
KEPT = f"{FILE}::test_kept"
HAZARD = Hazard.model_validate(
    {
        "id": "HZ-01",
        "title": "The <wrong> patient",
        "effect": "Harm.",
        "owner": "supplier",
        "status": "controlled",
        "initial": {"severity": "major", "likelihood": "medium"},
        "residual": {"severity": "major", "likelihood": "low", "why": "People err."},
        "cause": [{"level": "human", "words": "A wrong number."}],
        "control": [
            {"kind": "design", "words": "It is traced."},
            {"kind": "test", "words": "It is checked.", "tests": [KEPT]},
            {"kind": "training", "words": "=They compare."},
        ],
    }
)
DUTY = Duty("JO-014", "SHALL", "Always check.", "a_page", ("1.2",), "software")
JUNIT = """\
<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="abc123" timestamp="2026-11-29T18:05:01+00:00" hostname="a-host">
<testcase classname="tests.assurance.test_pack" name="test_kept[9990000018]" time="0.5" />
<testcase classname="tests.assurance.test_pack" name="test_kept[two]" time="0.25" />
<testcase classname="tests.assurance.test_pack" name="test_half[a]" time="0"><skipped /></testcase>
<testcase classname="tests.assurance.test_pack" name="test_half[b]" time="1" />
<testcase classname="tests.assurance.test_pack.TestIt" name="test_inside" time="1"><failure>9990000018</failure></testcase>
</testsuite></testsuites>
"""


def facts(**changes) -> TreeFacts:
    made = TreeFacts(
        version="0.2.0",
        commit="abc123",
        written_at=AT,
        root=ROOT,
        run=TestRun("abc123", AT, {KEPT: Outcome("passed", 0.5, 2)}),
        duties={DUTY.id: DUTY},
        proofs={DUTY.id: [KEPT]},
        hazards=[HAZARD],
    )
    return replace(made, **changes)


TOKEN = "Bearer eyJhbGciOiJub25lIn0.e30."


def step(**headers: str) -> StepRun:
    """A search for a patient as the simulator saw it, with other headers."""
    sent = {
        "ssp-traceid": "t",
        "ssp-from": "1",
        "ssp-to": "2",
        "ssp-interactionid": FIND,
        "authorization": TOKEN,
    } | headers
    call = Call(1, "practice", "GET", AT, interaction=FIND, practice="A99001", status=200)
    call.exchange = Exchange("/A99001/STU3/1/gpconnect/Patient", "identifier=x", sent, b"", b'{"a": "<b>"}')
    asked = {"patient": {"nhs_number": "9990000018"}, "requested_by": asked_by(role="Nurse")}
    request = SentRequest(None, "patient.find.requested.v1", asked)
    return StepRun("/x 1", "It is looked for", "rich_record", request, "completed", (call,), ())


HAS_HEADERS = next(rule for rule in RULES if rule.duties == ("FN-012",))
FN_012 = Duty("FN-012", "SHALL", "Send the Ssp headers.", "a_page", ("1.2",), "software")


@pytest.mark.parametrize(
    ("steps", "status"),
    [((step(),), "kept"), ((step(), step(**{"ssp-to": ""})), "violated"), ((), "not seen")],
    ids=["kept", "violated", "not-seen"],
)
def test_a_duty_is_kept_when_it_was_seen_and_never_violated(steps: tuple[StepRun, ...], status: str):
    [verdict] = conformance.verdicts(facts(duties={FN_012.id: FN_012}, steps=steps), [HAS_HEADERS])
    assert (verdict.status, verdict.broken) == (status, ("rich_record",) if status == "violated" else ())


def test_what_the_simulator_saw_violated_forbids_a_release_and_nothing_of_a_call_is_markup(tmp_path: Path):
    seen = facts(duties={FN_012.id: FN_012}, steps=(step(**{"ssp-to": ""}),))
    [told] = write_pack(tmp_path, seen, [conformance.PART])
    assert told == "The simulator saw FN-012 violated with rich_record."
    page = (tmp_path / "conformance" / "rich_record.html").read_text()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert TOKEN not in page


async def no_script(run: Simulation) -> list[StepRun]:
    return []


def test_a_scenario_that_does_not_complete_forbids_a_release(tmp_path: Path):
    scenario = FirstOfType("admission", "Read", "On <admission>", "They read.", no_script)
    for outcome, fails in (("completed", 0), ("failed", 1)):
        run = ScenarioRun(
            scenario, (replace(step(), outcome=outcome),), (("admission-console.jpg", "The console", b"x"),)
        )
        assert len(write_pack(tmp_path, facts(scenarios=(run,)), [scenarios.PART])) == fails
    assert "On &lt;admission&gt;" in (tmp_path / "scenarios" / "admission.html").read_text()
    assert (tmp_path / "scenarios" / "admission-console.jpg").read_bytes() == b"x"


PARTS = (safety_case.PART, hazard_log.PART, requirements.PART)


def test_every_question_of_assurance_has_an_answer_and_leads_to_a_part():
    duties = load_duties()
    asked = [duty for question in QUESTIONS for duty in question.duties]
    wanted = [name for name in duties if name.startswith("JO-")] + [
        f"CS-{number}" for number in range(114, 119)
    ]
    assert sorted(asked) == sorted(wanted)
    parts = {part.name for part in ALL_PARTS}
    assert {page.partition("#")[0] for question in QUESTIONS for page in question.pages} - parts == set()


def written(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_the_same_facts_make_the_same_bytes(tmp_path: Path):
    for name in ("one", "two"):
        assert write_pack(tmp_path / name, facts(), PARTS) == []
    one = written(tmp_path / "one")
    assert one == written(tmp_path / "two")
    assert {
        "index.html",
        "hazard-log.html",
        "hazard-log.csv",
        "requirements.csv",
        "safety-case.md",
    } <= one.keys()
    later = facts(written_at=AT.replace(hour=5))
    write_pack(tmp_path / "later", later, PARTS)
    assert b"30-Nov-2026 05:05 UTC" in written(tmp_path / "later")["index.html"]


def test_what_a_register_says_is_never_taken_for_markup_or_a_formula(tmp_path: Path):
    write_pack(tmp_path, facts(), PARTS)
    files = written(tmp_path)
    assert b"The &lt;wrong&gt; patient" in files["hazard-log.html"]
    assert b"<wrong>" not in files["hazard-log.html"] + files["safety-case.html"]
    assert b"'=They compare." in files["hazard-log.csv"]


@pytest.mark.parametrize(
    "run",
    [
        TestRun("abc123", AT, {}),
        TestRun("abc123", AT, {KEPT: Outcome("failed", 0.5, 2)}),
        TestRun("abc123", AT, {KEPT: Outcome("skipped", 0.5, 2)}),
        TestRun("abc123", AT, {KEPT: Outcome("partly skipped", 0.5, 2)}),
        TestRun(),
    ],
    ids=["gone", "failed", "skipped", "partly-skipped", "no-run"],
)
def test_an_open_control_of_a_grave_hazard_forbids_a_release(tmp_path: Path, run: TestRun):
    assert write_pack(tmp_path, facts(run=run), PARTS) == [
        f"An open control of a grave hazard: HZ-01 The <wrong> patient: {KEPT}."
    ]
    page = (tmp_path / "index.html").read_text()
    assert "This may not be released" in page
    assert "HZ-01 The &lt;wrong&gt; patient: a control is open." in page


def test_a_run_on_another_commit_proves_nothing(tmp_path: Path):
    run = TestRun("abc123-changed", AT, {KEPT: Outcome("passed", 0.5, 2)})
    told = "The run of the tests was on another commit than this pack: abc123-changed."
    assert write_pack(tmp_path, facts(run=run), [requirements.PART]) == [told]


def test_one_of_a_lesser_hazard_is_told_and_forbids_nothing(tmp_path: Path):
    lesser = HAZARD.model_copy(
        update={"initial": HAZARD.initial.model_copy(update={"severity": "considerable"})}
    )
    assert write_pack(tmp_path, facts(run=TestRun(), hazards=[lesser]), PARTS) == []
    assert "a control is open." in (tmp_path / "index.html").read_text()


def test_a_run_is_read_by_function_and_nothing_of_its_cases_is_kept(tmp_path: Path):
    results = tmp_path / "junit.xml"
    results.write_text(JUNIT)
    run = read_run(results, ROOT)
    assert (run.commit, run.started_at) == ("abc123", datetime(2026, 11, 29, 18, 5, 1, tzinfo=UTC))
    assert run.of(KEPT) == Outcome("passed", 0.75, 2)
    assert run.of(f"{FILE}::test_half").result == "partly skipped"
    assert run.of(f"{FILE}::TestIt::test_inside").result == run.of(f"{FILE}::test_inside").result == "failed"
    assert run.of(f"{FILE}::test_gone").result == "not in the run"
    assert "999" not in repr(run)
    assert read_run(tmp_path / "none.xml", ROOT) == TestRun()


@pytest.mark.parametrize(
    ("duty", "run", "status"),
    [
        (DUTY, {KEPT: Outcome("passed")}, "proven"),
        (DUTY, {KEPT: Outcome("failed")}, "failed"),
        (DUTY, {KEPT: Outcome("skipped")}, "not shown"),
        (DUTY, {}, "not shown"),
        (replace(DUTY, id="JO-099"), {}, "open"),
        (replace(DUTY, id="JO-099", met_by="deployer", deployer_note="They do."), {}, "deployer's"),
    ],
)
def test_a_duty_stands_as_its_tests_do(duty: Duty, run: dict[str, Outcome], status: str):
    [row] = requirements.traced(facts(duties={duty.id: duty}, run=TestRun("abc123", AT, run)))
    assert row.status == status
