"""Figures, alerts, dashboards and the runbook speak of the same things, and Prometheus's own tool takes the rules.

``FIGURES=write`` writes the table of figures anew.
"""

import json
import os
import re
from pathlib import Path
from typing import get_args

import pytest
import yaml  # type: ignore[import-untyped]  # ships no types

from bridge.errors import FailureCode
from bridge.figures.table import FIGURES, PREFIX
from bridge.record.retrieval import AreaOutcome
from tests.support.promtool import promtool

DEPLOY = Path(__file__).parents[3] / "deploy"
FOLDER = DEPLOY / "observability"
PAGE = FOLDER / "README.md"
RUNBOOK = (DEPLOY / "RUNBOOK.md").read_text(encoding="utf-8")
BEGIN, END = "<!-- figures: a test holds this to the code -->", "<!-- end of figures -->"
RULES = [
    rule
    for group in yaml.safe_load((FOLDER / "rules.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
TRIALS = yaml.safe_load((FOLDER / "rules.test.yaml").read_text(encoding="utf-8"))["tests"]
DASHBOARDS = {file.name: json.loads(file.read_text("utf-8")) for file in FOLDER.glob("dashboards/*.json")}
PARTS = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("",), "gauge": ("",)}
SERIES = {
    f"{PREFIX}{name}{part}": {*figure.labels, "le"}
    for name, figure in FIGURES.items()
    for part in PARTS[figure.kind]
}


def table() -> str:
    lines = ["| Figure | Kind | Labels | Says |", "|---|---|---|---|"]
    for name, figure in FIGURES.items():
        labels = ", ".join(f"`{label}`" for label in figure.labels)
        lines.append(f"| `{PREFIX}{name}` | {figure.kind} | {labels} | {figure.says} |")
    return "\n".join(lines)


def queries() -> list[tuple[str, str]]:
    """Every expression that is asked for, and where it stands."""
    of_panels = [
        (f"{name}: {panel['title']}", target["expr"])
        for name, dashboard in DASHBOARDS.items()
        for panel in dashboard["panels"]
        for target in panel["targets"]
    ]
    of_lists = [
        (f"{name}: {each['name']}", each["query"])
        for name, dashboard in DASHBOARDS.items()
        for each in dashboard["templating"]["list"]
    ]
    return [*((rule["alert"], rule["expr"]) for rule in RULES), *of_panels, *of_lists]


def test_every_figure_is_documented():
    text = PAGE.read_text(encoding="utf-8")
    written = re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n\n{table()}\n\n{END}", text, flags=re.DOTALL)
    if os.environ.get("FIGURES") == "write":
        PAGE.write_text(written, encoding="utf-8")
    assert text == written, "run this test with FIGURES=write"


@pytest.mark.parametrize(("where", "asked"), queries(), ids=lambda each: each[:50])
def test_what_is_asked_for_is_there(where: str, asked: str):
    named = set(re.findall(r"\bbridge_[a-z_]+", asked))
    assert named <= SERIES.keys(), where
    for name, condition in re.findall(r"(bridge_[a-z_]+)\{([^}]*)\}", asked):
        assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", condition)) <= SERIES[name], where
    for code in re.findall(r'code=~"([^"]*)"', asked):
        assert set(code.split("|")) <= {each.value for each in FailureCode}, where
    for outcome in re.findall(r'area_outcomes_total\{.*?outcome!?~"([^"]*)"', asked):
        assert set(outcome.split("|")) <= {*get_args(AreaOutcome)}, where


def test_every_figure_is_on_a_dashboard():
    shown = {name for _, asked in queries() for name in re.findall(r"\bbridge_[a-z_]+", asked)}
    assert [
        name
        for name, figure in FIGURES.items()
        if not shown & {f"{PREFIX}{name}{part}" for part in PARTS[figure.kind]}
    ] == []


def test_the_runbook_names_figures_that_are_there():
    named = set(re.findall(r"`(bridge_[a-z_]+)`", RUNBOOK))
    assert named
    assert named <= {f"{PREFIX}{name}" for name in FIGURES}


def test_prometheus_takes_the_rules():
    promtool("check", "rules", FOLDER / "rules.yaml")
    promtool("test", "rules", FOLDER / "rules.test.yaml")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_fires_and_does_not_fire_and_leads_to_the_runbook(rule):
    name = rule["alert"]
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["for"]
    assert rule["annotations"]["runbook_url"].endswith(f"deploy/RUNBOOK.md#{name.lower()}")
    (part,) = [each for each in RUNBOOK.split("\n## ") if each.startswith(f"{name}\n")]
    for what in ("Means", "Look", "Do", "Wake"):
        assert f"\n**{what}** " in part, what
    tried = [test for trial in TRIALS for test in trial["alert_rule_test"] if test["alertname"] == name]
    assert {bool(test["exp_alerts"]) for test in tried} == {True, False}


def test_the_runbook_has_no_alert_that_is_gone():
    assert set(re.findall(r"^## (\w+)$", RUNBOOK, flags=re.MULTILINE)) == {rule["alert"] for rule in RULES}


def test_no_series_of_a_rule_names_a_patient():
    labels = {label for figure in FIGURES.values() for label in figure.labels}
    assert labels & {"nhs_number", "patient", "patient_key", "request_key", "correlation_id"} == set()
