"""What the author of a pipeline may rely on: every export, by name and signature; ``GOLDEN=write`` notes them anew."""

import ast
import os
from pathlib import Path
from types import ModuleType

import pytest

import bridge.pipelines
import bridge.testing
from bridge.engine.context import RequestContext
from bridge.pipelines import Context, errors, events, practice, records, requests, telemetry
from tests.contract.door.signatures import exported, public

ROOT = Path(__file__).parents[3]
NOTED = Path(__file__).with_name("exports.txt")
DOOR = (bridge.pipelines, requests, events, records, practice, errors, telemetry, bridge.testing)
CONTEXT = {
    "request",
    "request_key",
    "has_tried_to_send",
    "trace",
    "patient_key",
    "details",
    "check_areas",
    "structured_record",
    "map",
    "care_record",
    "documents",
    "document",
    "practice",
    "free_slots",
    "check_offer",
    "map_patient",
    "once",
    "may_send",
    "sent",
}


def test_the_exports_are_those_that_were_promised():
    found = [line for module in DOOR for line in exported(module)]
    if os.environ.get("GOLDEN") == "write":
        NOTED.write_text("".join(f"{line}\n" for line in found))
    assert found == NOTED.read_text().splitlines()


def test_a_handler_sees_these_names_of_a_request_and_no_services():
    assert public(Context) == CONTEXT
    assert {name for name in dir(RequestContext) if not name.startswith("_")} == CONTEXT


@pytest.mark.parametrize("module", DOOR, ids=lambda module: module.__name__)
def test_a_type_checker_reads_each_export_as_its_user(module: ModuleType):
    """``tests/typing`` is checked by ``make lint`` with nothing but what an installed package tells."""
    tree = ast.parse((ROOT / "tests" / "typing" / "author.py").read_text())
    short = module.__name__.rpartition(".")[2]
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if module is not bridge.pipelines:
        attributes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
        used = {
            node.attr for node in attributes if isinstance(node.value, ast.Name) and node.value.id == short
        }
    assert set(module.__all__) - used == set()
