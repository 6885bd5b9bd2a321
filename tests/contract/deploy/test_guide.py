"""The operators' guide is true: settings, failure codes, log lines and duties are those of the code."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from bridge.engine.worker import check
from bridge.errors import FailureCode, Misconfigured
from bridge.settings import Settings
from tests.duties.deployer import document
from tests.duties.register import load

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")


def table(first_column: str) -> list[list[str]]:
    """The cells of the table whose heading starts so."""
    _, _, rest = GUIDE.partition(f"\n| {first_column} |")
    assert rest, first_column
    rows = rest.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


def names(first_column: str) -> list[str]:
    return [row[0].strip("`") for row in table(first_column)]


def written(default: object) -> str:
    if default is None or default == ():
        return ""
    if isinstance(default, tuple):
        return f"`{','.join(map(str, default))}`"
    return f"`{str(default).lower() if isinstance(default, bool) else format_number(default)}`"


def format_number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def defaults() -> dict[str, str]:
    found = {}
    for name, field in Settings.model_fields.items():
        group = field.default
        if isinstance(group, BaseModel):
            for part, inner in type(group).model_fields.items():
                found[f"BRIDGE_{name}_{part}".upper()] = written(inner.default)
        else:
            found[f"BRIDGE_{name}".upper()] = written(field.default)
    return found


def required(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What a worker without any setting says it lacks."""
    for name in defaults():
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Misconfigured) as fault:
        check(Settings.load())
    lacking = [problem.removesuffix(": is required") for problem in fault.value.problems]
    return {name: "one of" if " or " in entry else "yes" for entry in lacking for name in entry.split(" or ")}


def test_every_setting_is_in_the_table_with_its_default():
    assert {row[0].strip("`"): row[1] for row in table("Variable")} == defaults()


def test_the_table_says_what_is_required(monkeypatch: pytest.MonkeyPatch):
    said = {row[0].strip("`"): row[2] for row in table("Variable") if row[2]}
    assert said == required(monkeypatch)


def test_every_setting_is_explained():
    assert [row[0] for row in table("Variable") if not row[3]] == []


def test_every_failure_code_has_advice():
    assert names("Code in `request.failed`") == [code.value for code in FailureCode]


def test_every_log_line_to_watch_is_written_somewhere():
    code = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "bridge").rglob("*.py"))
    assert [line for line in names("Line") if f'"{line}"' not in code] == []


def test_the_files_it_names_exist():
    linked = re.findall(r"\]\(([^)#]+)\)", GUIDE)
    assert [link for link in linked if not (ROOT / "deploy" / link).exists()] == []
    run = re.findall(r"deploy/[\w./-]+", GUIDE)
    made = {"deploy/.env", "deploy/secrets", "deploy/secrets/epr_password", "deploy/bridge.env"}
    assert [name for name in run if name not in made and not (ROOT / name).exists()] == []


def test_its_sections_can_be_reached():
    headings = {re.sub(r"[^a-z -]", "", title.lower()).replace(" ", "-") for title in titles()}
    assert [link for link in re.findall(r"\]\(#([^)]+)\)", GUIDE) if link not in headings] == []


def titles() -> list[str]:
    return re.findall(r"^##+ (.+)$", GUIDE, re.MULTILINE)


def test_the_list_of_the_deployers_duties_is_the_registers():
    assert (ROOT / "deploy" / "DUTIES.md").read_text(encoding="utf-8") == document(load()), (
        "run: python -m tests.duties.deployer > deploy/DUTIES.md"
    )
