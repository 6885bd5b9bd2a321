"""The commands that need no server: map, check, schemas, asyncapi, and what --help says of all of them."""

import json
import re

import orjson
import pytest

from bridge.areas import check_record
from bridge.cli.exits import Exit
from bridge.console.rights import Role
from bridge.console.sign_in.users import LocalUsers
from bridge.sandbox import BY_NAME
from bridge.sandbox.structured.parameters import ALLERGIES, MEDICATION, Query
from tests.support.bundles import typical_record
from tests.support.processes import bridge

COMMANDS = (
    "demo",
    "run",
    "sandbox",
    "send",
    "map",
    "render",
    "check",
    "preview",
    "doctor",
    "schemas",
    "asyncapi",
    "dead",
    "ledger",
    "audit",
    "keys",
)
PATIENT = BY_NAME["rich_record"]
UNREADABLE = {
    "text.json": f"somebody: {PATIENT.nhs_number} {PATIENT.person.family}",
    "list.json": f'["{PATIENT.nhs_number}"]',
    "patient.json": json.dumps({"resourceType": "Patient", "name": [{"family": PATIENT.person.family}]}),
    "odd.json": json.dumps({"resourceType": PATIENT.nhs_number}),
    "nested.json": json.dumps({"resourceType": {"is": PATIENT.person.family}}),
    "empty.json": "",
}


def bundle(name):
    scenario = BY_NAME[name]
    query = Query(scenario.nhs_number, (ALLERGIES, MEDICATION), parts=(("includeResolvedAllergies", True),))
    record = scenario.record()
    assert record is not None
    return json.dumps(record.answer(query))


@pytest.fixture
def files(tmp_path):
    for name in ("rich_record", "empty_record", "malformed_resource"):
        (tmp_path / f"{name}.json").write_text(bundle(name))
    for name, text in UNREADABLE.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)], ids="".join)
def test_help_says_what_it_does_and_how_it_exits(tmp_path, command):
    done = bridge(*command, "--help", directory=tmp_path)
    said = " ".join(done.text.split())
    assert done.code == 0
    assert "Exit codes: 0 done; 1 the answer is no" in said
    for meaning in ("2 input cannot be read", "3 misconfigured", "4 bus or ledger cannot be used"):
        assert meaning in said
    if not command:
        assert [name for name in COMMANDS if f" {name} " not in said] == []


@pytest.mark.parametrize(
    "arguments", [("no-such-command",), ("map",), ("run", "--no-such-option"), ("schemas",)]
)
def test_wrong_usage_exits_with_2(tmp_path, arguments):
    done = bridge(*arguments, directory=tmp_path)
    assert done.code == 2
    assert "Usage:" in done.errors


def test_one_file_becomes_readable_json(files):
    done = bridge("map", "rich_record.json", directory=files)
    assert (done.code, done.errors) == (0, "")
    assert done.text.startswith('{\n  "')
    record = json.loads(done.printed)
    check_record(record)
    assert record["nhs_number"] == PATIENT.nhs_number
    assert record["medications"]
    assert {allergy["clinical_status"] for allergy in record["allergies"]} == {"active", "resolved"}


def test_decimals_keep_the_digits_they_were_sent_with(files):
    bundle = orjson.loads((files / "rich_record.json").read_bytes())
    requests = (each["resource"] for each in bundle["entry"])
    plan = next(each for each in requests if each.get("intent") == "plan")
    plan["dispenseRequest"]["quantity"] = {"value": 7.123, "unit": "ml"}
    body = orjson.dumps(bundle).replace(b"7.123", b"1.50")
    record = json.loads(bridge("map", "-", directory=files, given=body).printed)
    amounts = [course.get("plan", {}).get("quantity") for course in record["medications"]]
    assert {"value": 1.5, "value_as_sent": "1.50", "unit": "ml"} in amounts


def test_several_files_become_a_line_each_in_their_order(files):
    done = bridge("map", "rich_record.json", "empty_record.json", directory=files)
    assert (done.code, done.errors) == (0, "")
    first, second = map(json.loads, done.text.splitlines())
    assert first["nhs_number"] == PATIENT.nhs_number
    assert second["nhs_number"] == BY_NAME["empty_record"].nhs_number
    assert second["medications"] == second["allergies"] == []


def test_areas_are_taken_to_be_all_that_was_asked_for(files):
    record = json.loads(bridge("map", "rich_record.json", "--areas", "medications", directory=files).printed)
    outcomes = {each["area"]: each["outcome"] for each in record["areas"]}
    assert (outcomes["medications"], outcomes["allergies"]) == ("items", "not_requested")


def test_an_area_that_there_is_not_is_refused(files):
    done = bridge("map", "rich_record.json", "--areas", "medications,moods", directory=files)
    assert (done.code, done.text) == (2, "")
    assert "--areas: 'moods' is none of medications, allergies" in done.errors


def test_a_dash_is_standard_input(files):
    body = (files / "rich_record.json").read_bytes()
    piped, named = (
        bridge("map", "-", directory=files, given=body),
        bridge("map", "rich_record.json", directory=files),
    )
    assert piped.code == 0
    first, second = json.loads(piped.printed), json.loads(named.printed)
    assert first["medications"] == second["medications"]
    assert first["source_hash"] == second["source_hash"]


@pytest.mark.parametrize("command", ["map", "check"])
def test_what_cannot_be_read_is_named_in_a_line_each_without_its_content(files, command):
    names = [*UNREADABLE, "nowhere.json", "folder"]
    done = bridge(command, *names, directory=files)
    assert done.code == 2
    assert done.printed == b""
    assert [line.partition(": ")[0] for line in done.errors.splitlines()] == names
    assert all(line.partition(": ")[2] for line in done.errors.splitlines())
    assert PATIENT.nhs_number not in done.errors
    assert PATIENT.person.family not in done.errors


def test_good_files_are_printed_beside_one_that_cannot_be_read(files):
    done = bridge("map", "rich_record.json", "text.json", "empty_record.json", "list.json", directory=files)
    assert done.code == 2
    assert len(done.text.splitlines()) == 2
    assert [line.partition(":")[0] for line in done.errors.splitlines()] == ["text.json", "list.json"]


def test_check_finds_nothing_in_a_bundle_that_conforms(files):
    done = bridge("check", "rich_record.json", directory=files)
    assert (done.code, done.text, done.errors) == (0, "rich_record.json: none\n", "")
    done = bridge("check", "--lines", "rich_record.json", directory=files)
    assert (done.code, done.text, done.errors) == (0, "", "")


def test_check_names_resource_path_and_rule_and_no_value(files):
    content = json.loads((files / "rich_record.json").read_text())
    patient = content["entry"][0]["resource"]
    patient["birthDate"] = "31/01/1950"
    patient["gender"] = ["female"]
    (files / "wrong.json").write_text(json.dumps(content))
    done = bridge("check", "--lines", "rich_record.json", "wrong.json", directory=files)
    assert (done.code, done.errors) == (1, "")
    found = [line.split("\t") for line in done.text.splitlines()]
    assert [row[:3] for row in found] == [
        ["wrong.json", f"Patient/{patient['id']}", "birthDate"],
        ["wrong.json", f"Patient/{patient['id']}", "gender"],
    ]
    assert all(row[3] for row in found)
    assert "1950" not in done.text
    assert PATIENT.nhs_number not in done.text


def test_check_groups_by_rule_with_counts_and_fits_80_columns(files):
    content = json.loads((files / "rich_record.json").read_text())
    medications = [
        each["resource"] for each in content["entry"] if each["resource"]["resourceType"] == "Medication"
    ]
    for number, each in enumerate(medications):
        each["id"] = f"under_score_{number}_{'x' * 40}"
    (files / "ids.json").write_text(json.dumps(content))
    done = bridge("check", "ids.json", directory=files)
    assert done.code == 1
    lines = done.text.splitlines()
    assert re.search(rf"^ +{len(medications)}  Medication\.id$", done.text, re.MULTILINE)
    assert all(len(line) <= 80 for line in lines)
    as_json = [
        json.loads(line) for line in bridge("check", "--json", "ids.json", directory=files).text.splitlines()
    ]
    assert {
        (each["file"], each["path"]) for each in as_json if each["resource"].startswith("Medication/")
    } == {("ids.json", "id")}


def test_check_exits_with_2_when_one_cannot_be_read_and_lists_the_others(files):
    done = bridge("check", "text.json", "malformed_resource.json", directory=files)
    assert done.code == 2
    assert done.text.startswith("malformed_resource.json: ")


def test_schemas_are_written_to_a_folder_that_need_not_exist(tmp_path):
    done = bridge("schemas", "new/schemas", directory=tmp_path)
    assert done.code == 0
    written = sorted((tmp_path / "new" / "schemas").iterdir())
    assert done.text.splitlines() == [str(path.relative_to(tmp_path)) for path in written]
    for path in written:
        assert json.loads(path.read_text())["$id"] == path.name
    assert "record.requested.v1.json" in {path.name for path in written}


def test_schemas_are_not_written_to_a_file(files):
    assert bridge("schemas", "text.json", directory=files).code == 2
    assert (files / "text.json").read_text() == UNREADABLE["text.json"]


def test_the_asyncapi_document_follows_the_settings(tmp_path):
    environment = {"BRIDGE_BUS_PREFIX": "site", "BRIDGE_EVENTS_TYPE_PREFIX": "org.site"}
    done = bridge("asyncapi", directory=tmp_path, environment=environment)
    assert done.code == 0
    document = json.loads(done.printed)
    assert document["asyncapi"] == "3.0.0"
    assert "site.requests" in done.text
    assert "org.site.record.completed.v1" in done.text


def test_settings_come_from_the_file_that_is_named_and_the_environment_wins(tmp_path):
    (tmp_path / "site.env").write_text("BRIDGE_BUS_PREFIX=from-file\nBRIDGE_EVENTS_TYPE_PREFIX=org.file\n")
    arguments = ("--env-file", "site.env", "asyncapi")
    done = bridge(*arguments, directory=tmp_path, environment={"BRIDGE_BUS_PREFIX": "from-environment"})
    assert "from-environment.requests" in done.text
    assert "org.file.record.completed.v1" in done.text
    assert "from-file" not in done.text
    assert bridge("--env-file", "nowhere.env", "asyncapi", directory=tmp_path).code == 2


def test_a_bundle_is_rendered_without_any_server(files, tmp_path):
    (tmp_path / "record.json").write_bytes(orjson.dumps(typical_record()))
    messages = bridge("render", str(tmp_path / "record.json"), "--as", "hl7v2", directory=tmp_path)
    assert messages.code == 0
    assert re.findall(r"^MSH(?:[^|\n]*\|){8}(\w+\^\w+)", messages.text, re.MULTILINE) == [
        "ADT^A31",
        "ORU^R01",
    ]
    assert "AL1|1|DA|91936005^Allergy to penicillin^SCT|MO|Weal\n" in messages.text
    whole = bridge("render", str(tmp_path / "record.json"), "--as", "r4", directory=tmp_path)
    assert json.loads(whole.text)["resourceType"] == "Bundle"
    refused = bridge("render", str(files / "list.json"), "--as", "r4", directory=tmp_path)
    assert (refused.code, refused.text) == (2, "")
    assert "is not a FHIR Bundle" in refused.errors


def test_what_is_withheld_is_told_with_its_reason(tmp_path):
    long = typical_record()
    for entry in long["entry"]:
        if entry["resource"]["resourceType"] == "AllergyIntolerance":
            entry["resource"]["code"] = {"text": "x" * 251}
    (tmp_path / "record.json").write_bytes(orjson.dumps(long))
    told = bridge("render", str(tmp_path / "record.json"), "--as", "hl7v2", directory=tmp_path)
    assert told.code == 1
    assert told.errors == (
        "allergies.rendered.hl7v2.v1: withheld: field_too_long: AL1-3 is longer than 250 characters\n"
    )


def test_a_user_of_the_console_is_added_with_the_name_of_the_person(tmp_path):
    given = b"correct horse battery\n"
    add = ("console", "user", "add", "olga", "--role", "operator", "--role", "viewer", "--file", "users")
    half = bridge(*add, "--given-name", "Siân", directory=tmp_path, given=given)
    assert half.code == Exit.MISCONFIGURED, half.errors
    assert "a person has a given name and a family name" in half.errors
    assert not (tmp_path / "users").exists()
    person = ("--given-name", "Siân Éva", "--family-name", "O'Test-Demo")
    added = bridge(*add, *person, directory=tmp_path, given=given)
    assert (added.code, added.text) == (Exit.OK, "olga may sign in as operator, viewer\n"), added.errors
    assert "Test-Demo" not in added.errors
    olga = LocalUsers(tmp_path / "users").current("olga")
    assert olga is not None
    assert (olga.given_name, olga.family_name) == ("Siân Éva", "O'Test-Demo")
    assert olga.roles == {Role.OPERATOR, Role.VIEWER}
