"""The commands that need servers, as a hospital's engineer uses them: run, sandbox, send, doctor, demo."""

import json
import re
import shlex
import shutil
import socket
from importlib.metadata import entry_points
from pathlib import Path
from uuid import uuid4

import pytest

from bridge.sandbox import BY_NAME
from tests.support import run_logs
from tests.support.ports import free_port, free_ports
from tests.support.processes import bridge, child, worker
from tests.support.requests import cloud_event, record_request

ROOT = Path(__file__).parents[3]
STORY = re.search(
    r"## Send your first request.*?```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
)
REQUIRED = (
    "BRIDGE_PDS_URL",
    "BRIDGE_PDS_KEY_FILE",
    "BRIDGE_SDS_URL",
    "BRIDGE_SSP_URL",
    "BRIDGE_SPINE_CA_FILE",
    "BRIDGE_CONSUMER_ORGANISATIONS",
    "BRIDGE_PATIENT_KEY or BRIDGE_PATIENT_KEY_FILE",
)


def events(text):
    """The JSON documents that ``send --wait`` printed one after the other."""
    decoder, found = json.JSONDecoder(), []
    while text := text.lstrip():
        event, end = decoder.raw_decode(text)
        found.append(event)
        text = text[end:]
    return found


def kinds(text):
    return [event["type"].removeprefix("uk.nhs.gpconnect.") for event in events(text)]


def request(scenario):
    return json.dumps(cloud_event(record_request(BY_NAME[scenario].nhs_number))).encode()


def test_the_readme_s_story_in_its_own_words(tmp_path):
    assert STORY
    sandbox, run, send = (
        shlex.split(line, comments=True)[1:] for line in STORY.group(1).replace("$ ", "").splitlines()
    )
    assert (sandbox[0], run[-1], send[-3:-1]) == ("sandbox", "run", ["send", "--wait"])
    shutil.copytree(ROOT / "pipelines" / "examples", tmp_path / "pipelines" / "examples")
    ports = ["--first-port", str(free_ports(4))]
    first_log, second_log = tmp_path / "1.log", tmp_path / "2.log"
    # Both as somebody starts them, and not off a process that has loaded them.
    with child(
        "bridge", [*sandbox, *ports], environment={}, output=first_log, cwd=tmp_path, fresh=True
    ) as first:
        first.wait_for("The sandbox is ready.", printed=True)
        with child("bridge", run, environment={}, output=second_log, cwd=tmp_path, fresh=True) as second:
            second.wait_for("worker_started")
            run_logs.keep(tmp_path / ".bridge" / "jetstream" / "server.log", run_logs.SERVER)
            done = bridge(*send, directory=tmp_path)
            assert (done.code, done.errors) == (0, "")
            published = ["medications.published.v1", "allergies.published.v1", "record.completed.v1"]
            assert kinds(done.text) == published
            assert second.stop() == 0
        assert first.stop() == 0


@pytest.mark.nats
def test_send_prints_what_answers_and_exits_by_it(environment, tmp_path):
    with worker(environment, output=tmp_path / "worker.log") as started:
        for scenario, code, last in (
            ("empty_record", 0, "record.completed.v1"),
            ("restricted", 1, "request.failed.v1"),
        ):
            done = bridge(
                "send", "--wait", "-", directory=tmp_path, environment=environment, given=request(scenario)
            )
            assert (done.code, kinds(done.text)[-1]) == (code, last), done.errors
        wrong = json.dumps(record_request("9990000019")).encode()
        done = bridge("send", "--wait", "-", directory=tmp_path, environment=environment, given=wrong)
        assert (done.code, kinds(done.text)) == (1, ["request.rejected.v1"])
        assert events(done.text)[0]["data"]["faults"][0]["field"] == "data.patient.nhs_number"
        done = bridge("send", "-", directory=tmp_path, environment=environment, given=request("rich_record"))
        assert (done.code, done.errors) == (0, "")
        assert started.stop() == 0


@pytest.mark.parametrize(
    "broker", [pytest.param("rabbit", marks=pytest.mark.rabbit), pytest.param("nats", marks=pytest.mark.nats)]
)
def test_send_needs_a_worker_unless_it_is_told_otherwise(request, broker, sandbox_environment, tmp_path):
    environment = sandbox_environment | {
        "BRIDGE_BUS_URL": request.getfixturevalue(f"{broker}_url"),
        "BRIDGE_BUS_PREFIX": f"t{uuid4().hex[:8]}",
        "BRIDGE_STATE_DIR": str(tmp_path / "state"),
        "BRIDGE_BUS_CONCURRENCY": "1",
    }
    asked = json.dumps(cloud_event(record_request(BY_NAME["empty_record"].nhs_number))).encode()

    def send(*options):
        return bridge("send", *options, "-", directory=tmp_path, environment=environment, given=asked)

    # Nothing is declared: neither queue nor stream.
    done = send("--wait")
    assert (done.code, done.text) == (4, "")
    assert "nothing sent: no worker takes record.requested.v1" in done.errors
    done = send("--unattended")
    assert (done.code, done.text) == (4, "")
    assert "is a worker running?" in done.errors
    with worker(environment, output=tmp_path / "worker.log") as started:
        assert kinds(send("--wait").text)[-1] == "record.completed.v1"
        assert started.stop() == 0
    # The queue is there, and nobody takes from it.
    done = send()
    assert (done.code, done.text) == (4, "")
    assert "start one (bridge run)" in done.errors
    assert "--unattended" in done.errors
    done = send("--unattended")
    assert (done.code, done.errors) == (0, "")
    with worker(environment, output=tmp_path / "worker.log") as started:
        started.wait_for('"request_handled"', times=2)
        assert started.stop() == 0


@pytest.mark.nats
def test_send_says_what_is_no_json(environment, tmp_path):
    for name, given in (("-", f"{BY_NAME['rich_record'].nhs_number} {{"), ("nowhere.json", "")):
        done = bridge("send", name, directory=tmp_path, environment=environment, given=given.encode())
        assert (done.code, done.errors) == (2, f"{name}: is not a readable JSON file\n")


@pytest.mark.nats
def test_doctor_finds_nothing_wrong_with_the_sandbox(environment, tmp_path):
    done = bridge("doctor", directory=tmp_path, environment=environment)
    assert done.code == 0, done.text
    rows = [line for line in done.text.splitlines() if " ok " in line]
    for what in ("settings", "bus (nats)", "PDS access token", "SDS own ASID of RZZ01"):
        assert any(row.strip().startswith(what) for row in rows), what
    assert "FAILED" not in done.text


@pytest.mark.nats
def test_doctor_shows_which_part_fails_and_no_secret(environment, tmp_path):
    wrong = environment | {"BRIDGE_SDS_API_KEY": "not-the-key-of-this-sandbox"}
    done = bridge("doctor", directory=tmp_path, environment=wrong)
    assert done.code == 1
    failed = [line.split("FAILED")[0].strip(" │") for line in done.text.splitlines() if "FAILED" in line]
    organisations = environment["BRIDGE_CONSUMER_ORGANISATIONS"].split(",")
    assert failed == [f"SDS own ASID of {ods}" for ods in organisations]
    assert "not-the-key-of-this-sandbox" not in done.text + done.errors


@pytest.mark.parametrize("command", ["run", "doctor"])
def test_every_setting_that_is_missing_is_listed_before_anything_starts(tmp_path, command):
    done = bridge(command, directory=tmp_path, environment={"BRIDGE_SPINE_CERT_FILE": "nowhere.pem"})
    assert (done.code, done.text) == (3, "")
    lines = done.errors.splitlines()
    for name in REQUIRED:
        assert f"{name}: is required" in lines
    assert "BRIDGE_SPINE_CERT_FILE: cannot be read (No such file or directory)" in lines
    assert "BRIDGE_SPINE_CERT_FILE and BRIDGE_SPINE_KEY_FILE: set both or neither" in lines
    assert all(line.startswith("BRIDGE_") for line in lines)


@pytest.mark.parametrize("command", ["run", "doctor"])
def test_what_is_malformed_misspelt_and_missing_is_told_in_one_go(command, sandbox_environment, tmp_path):
    wrong = sandbox_environment | {
        "BRIDGE_BUS_CONCURRENCY": "many",
        "BRIDGE_LOG_LEVEL": "chatty",
        "BRIDGE_BUS_PREFIXX": "site",
        "BRIDGE_SPIN_CA_FILE": "ca.pem",
        "BRIDGE_VAULT_KEYS_FILE": "none.keys",
    }
    for name in ("BRIDGE_PDS_URL", "BRIDGE_CONSUMER_DEVICE_ID"):
        del wrong[name]
    done = bridge(command, directory=tmp_path, environment=wrong)
    assert done.code == 3
    told = dict(line.split(": ", 1) for line in done.errors.splitlines())
    assert told.keys() == {
        "BRIDGE_BUS_CONCURRENCY",
        "BRIDGE_LOG_LEVEL",
        "BRIDGE_BUS_PREFIXX",
        "BRIDGE_SPIN_CA_FILE",
        "BRIDGE_VAULT_KEYS_FILE",
        "BRIDGE_PDS_URL",
        "BRIDGE_CONSUMER_DEVICE_ID",
    }
    assert told["BRIDGE_PDS_URL"] == "is required"
    assert told["BRIDGE_BUS_PREFIXX"] == "is no setting; the nearest is BRIDGE_BUS_PREFIX"
    assert told["BRIDGE_SPIN_CA_FILE"] == "is no setting; the nearest is BRIDGE_SPINE_CA_FILE"


def test_a_pipeline_that_is_not_installed_is_a_fault_of_the_settings(sandbox_environment, tmp_path):
    done = bridge("run", "--pipeline", "nothing", directory=tmp_path, environment=sandbox_environment)
    assert done.code == 3
    installed = ", ".join(sorted(entry_points(group="gpconnect_bridge.pipelines").names))
    assert f"no such pipeline: nothing (installed: {installed})" in done.errors


@pytest.mark.parametrize("scheme", ["amqp", "nats"])
def test_sigterm_while_the_broker_is_away_ends_a_worker_in_order(sandbox_environment, tmp_path, scheme):
    away = sandbox_environment | {
        "BRIDGE_BUS_URL": f"{scheme}://127.0.0.1:{free_port()}",
        "BRIDGE_STATE_DIR": str(tmp_path / "state"),
        "BRIDGE_STOP_GRACE": "3600",  # it would not be prompt if anything waited for its grace
    }
    with child("bridge", ["run"], environment=away, output=tmp_path / "worker.log") as started:
        started.wait_for("broker_unreachable")
        assert started.stop() == 0
    assert "Traceback" not in started.output.read_text()


def test_demo_shows_the_whole_story(tmp_path):
    done = bridge("demo", directory=tmp_path, environment={"COLUMNS": "200"})
    assert (done.code, done.errors) == (0, "")
    for topic in ("medications.published.v1", "allergies.published.v1", "record.completed.v1"):
        assert topic in done.text
    assert "request.failed.v1" in done.text
    assert "request.rejected.v1" in done.text
    assert re.search(r"rich_record +completed: medications \d+ items, allergies active_allergies", done.text)
    assert re.search(r"withheld_items +completed: medications only_withheld \(incomplete\)", done.text)
    assert "rich_record: medications, " in done.text
    assert "Amoxicillin 250mg capsules" in done.text
    assert "rich_record: allergies, statement: active_allergies" in done.text
    assert "Allergy to penicillin" in done.text
    forms = done.text[done.text.index("rich_record: one allergy, in three forms") :]
    for part in ('"clinical_status":"active"', '"resourceType":"AllergyIntolerance"', "AL1|1|DA|91936005^"):
        assert part in "".join(forms.replace("│", " ").split()), part
    in_one_line = " ".join(done.text.split())
    assert re.search(
        r"whole_record completed: .*consultations 1 items.*documents 1 that came along", in_one_line
    )
    consultation = [
        "whole_record: one consultation, ",
        "About Problem: Hypertension",
        "Headaches for two weeks, worse in the morning.",
        "Medication: Amlodipine",
        "whole_record: one investigation, ",
    ]
    places = [done.text.index(each) for each in consultation]
    assert places == sorted(places)
    assert re.search(r"Full blood count .* Haemoglobin estimation .* 131 g/L; Usual: 115 to 165", done.text)
    assert re.search(r"care record +completed: Encounters \(content\), Immunisations \(content\)", done.text)
    assert "rich_record: Encounters as the practice shows it, Data items from 01-Jan-2024" in done.text
    assert "BP 138/84 mmHg" in done.text
    assert "done, and the connection was cut before the answer" in done.text
    assert "appointment.booked.v1; in the practice's own book: 1 appointment, made 1 time" in done.text
    assert "Try next" in done.text
    assert list(tmp_path.glob(".bridge*")) == []  # it leaves nothing behind


def test_demo_fits_80_columns_and_cuts_nothing_off(tmp_path):
    done = bridge("demo", directory=tmp_path, environment={"COLUMNS": "80"})
    assert (done.code, done.errors) == (0, "")
    assert max(map(len, done.text.splitlines())) <= 80
    assert "…" not in done.text
    for word in (
        "care_record.section.published.v1",
        "100micrograms/dose",
        "2025-06-02",
        "completed",
        "appointment?",
    ):
        assert word in done.text


@pytest.fixture
def records(tmp_path):
    folder = tmp_path / "records"
    folder.mkdir()
    patient = {
        "resourceType": "Patient",
        "id": "p1",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990009996"}],
        "name": [{"use": "official", "family": "Filed", "given": ["Fay"]}],
        "gender": "female",
        "birthDate": "1950-01-31",
    }
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}]}
    (folder / "filed.json").write_text(json.dumps(bundle))
    (folder / "broken.json").write_text('{"resourceType": "Bundle"')
    return folder


@pytest.mark.nats
def test_the_sandbox_serves_records_of_a_folder_and_says_what_it_cannot_serve(records, nats_url, tmp_path):
    arguments = ["sandbox", "--records", str(records), "--first-port", str(free_ports(4))]
    with child("bridge", arguments, environment={}, output=tmp_path / "sandbox.log", cwd=tmp_path) as sandbox:
        sandbox.wait_for("The sandbox is ready.", printed=True)
        said = sandbox.printed.read_text()
        assert re.search(r"filed\.json +9990009996", said)
        assert "Not served: broken.json: not readable as JSON" in said
        env_file = ("--env-file", ".bridge/sandbox.env")
        bus = {"BRIDGE_BUS_URL": nats_url, "BRIDGE_BUS_PREFIX": "records"}
        with child(
            "bridge", [*env_file, "run"], environment=bus, output=tmp_path / "w.log", cwd=tmp_path
        ) as run:
            run.wait_for("worker_started")
            asked = json.dumps(record_request("9990009996")).encode()
            done = bridge(*env_file, "send", "--wait", "-", directory=tmp_path, environment=bus, given=asked)
            assert done.code == 0, done.text
            assert {event["data"]["nhs_number"] for event in events(done.text)} == {"9990009996"}
            assert run.stop() == 0
        assert sandbox.stop() == 0
    assert not (tmp_path / ".bridge" / "sandbox.env").exists()


def test_the_sandbox_needs_its_ports_and_a_folder(records, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = bridge("sandbox", "--first-port", port, directory=tmp_path)
    assert done.code == 3
    assert done.errors == f"ports {port} to {port + 3}: cannot be used (Address already in use)\n"
    assert bridge("sandbox", "--records", records / "filed.json", directory=tmp_path).code == 2
