"""The layout of the repository, and that the rules about imports catch what they are there for."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP_LEVEL = {
    "CHANGELOG.md",
    "CODEOWNERS",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "bridge",
    "deploy",
    "findings",
    "mkdocs.yml",
    "pipelines",
    "pyproject.toml",
    "tests",
    "uv.lock",
}
TESTS = {
    "assurance",
    "bench",
    "contract",
    "duties",
    "faults",
    "fuzz",
    "integration",
    "load",
    "mutants",
    "release",
    "site",
    "support",
    "typing",
    "unit",
}
IMPORT_RULES = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]

MARKS_OF_UNFINISHED_WORK = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME)\b")
PATHS_OF_ONE_MACHINE = re.compile(r"(?<![\w.:/-])/(?:home|work|ro" + r"ot|Users)/\w")


def files() -> list[Path]:
    """What is, or is about to be, in the repository."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def test_nothing_but_the_agreed_names_stands_at_the_top():
    names = {path.relative_to(ROOT).parts[0] for path in files()}
    assert {name for name in names if not name.startswith(".")} - TOP_LEVEL == set()


def test_a_test_folder_says_what_its_tests_need():
    folders = {path.relative_to(ROOT).parts[1] for path in files() if path.is_relative_to(ROOT / "tests")}
    assert {name for name in folders if "." not in name} - TESTS == set()


@pytest.mark.parametrize("pattern", [MARKS_OF_UNFINISHED_WORK, PATHS_OF_ONE_MACHINE])
def test_no_file_holds(pattern: re.Pattern[str]):
    texts = [path for path in files() if path.name != "uv.lock" and path.suffix not in {".png", ".db"}]
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in texts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def lint_imports(folder: Path) -> str:
    """What import-linter says about a tree with the project's packages and rules."""
    for package in ("pipelines", "bridge", *(f"bridge/{name}" for name in packages())):
        (folder / package).mkdir(exist_ok=True)
        (folder / package / "__init__.py").touch()
    for rule in IMPORT_RULES["contracts"]:
        for importer, imported in (arrow.split(" -> ") for arrow in rule.get("ignore_imports", ())):
            write_module(folder, imported, "")
            write_module(folder, importer, f"import {imported}\n")
    for name in named_modules():
        module = folder / name.replace(".", "/")
        module.mkdir(exist_ok=True)
        (module / "__init__.py").touch()
    (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


def write_module(folder: Path, name: str, text: str) -> None:
    """Add to a module, unless it is a package."""
    path = folder / name.replace(".", "/")
    if not path.is_dir():
        path.parent.mkdir(exist_ok=True)
        (path.parent / "__init__.py").touch()
        with path.with_suffix(".py").open("a") as module:
            module.write(text)


def packages() -> list[str]:
    layers = next(rule["layers"] for rule in IMPORT_RULES["contracts"] if rule["type"] == "layers")
    return [name for layer in layers for name in re.split(r" [|:] ", layer)]


def named_modules() -> set[str]:
    """The modules inside packages that the rules name."""
    rules = IMPORT_RULES["contracts"]
    named = [
        *(rule.get("modules", []) for rule in rules),
        *(rule.get("source_modules", []) for rule in rules),
    ]
    return {name for names in named for name in names if name.count(".") > 1}


SHARED_NAMES = {
    "Offer": "one shape on the wire: published as a dictionary, and validated when a booking gives it back",
}


def meanings(module: ast.Module, where: str) -> Iterator[tuple[str, str]]:
    """Names of classes and type aliases with what each means: a class itself, an alias what it stands for."""
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef):
            yield node.name, f"class at {where}:{node.lineno}"
    for node in module.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if re.match(r"_?[A-Z]+[a-z]", name):
                if not ast.unparse(value).startswith("TypeVar("):
                    yield name, ast.unparse(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if (
                "TypeAlias" in ast.unparse(node.annotation)
            ):
                yield name, ast.unparse(value)


def test_no_two_modules_call_different_things_by_one_name_of_a_class_or_an_alias():
    defined: dict[str, set[str]] = {}
    for package in ("bridge", "pipelines"):
        for path in sorted((ROOT / package).rglob("*.py")):
            module = ast.parse(path.read_text(encoding="utf-8"))
            for name, meaning in meanings(module, path.relative_to(ROOT).as_posix()):
                defined.setdefault(name, set()).add(meaning)
    shared = {name: places for name, places in defined.items() if len(places) > 1}
    assert {name: places for name, places in shared.items() if name not in SHARED_NAMES} == {}
    assert shared.keys() == SHARED_NAMES.keys(), "a name that is not shared any more"


@pytest.mark.parametrize(
    ("one", "other", "are_two"),
    [
        ("Put = Callable[[str], None]", "Put = Callable[[int], None]", True),
        ("Put = Callable[[str], None]", "class Put: ...", True),
        ("Put: TypeAlias = str", "Put = int", True),
        ("class Put: ...", "class Put: ...", True),
        ("Put = dict[str, Any]", "Put = dict[str, Any]", False),
        ("Key = TypeVar('Key')", "class Key: ...", False),
        ("PUT = 1", "PUT = 2", False),
    ],
)
def test_an_alias_counts_by_what_it_stands_for(one: str, other: str, are_two: bool):
    found = {*meanings(ast.parse(one), "one.py"), *meanings(ast.parse(other), "other.py")}
    assert (len(found) > 1) is are_two


ARROWS = "Arrows point one way"
NO_IO = "What reads, maps and describes does no I/O"
BUS = "The bus, the ledger and what observes know nothing of the domain"
CALLS = "Spine, GP Connect and MLLP know neither the bus nor the mapping"
BROKERS = "Only the bus knows brokers"
DATABASES = "Only the ledger knows databases"
JUDGE = "The sandbox judges independently"
STARTS = "Only the command line and the test kit start the sandbox"
THIN = "Operations leave words, options and exit codes to whoever calls them"
THROUGH = "Faces reach the bus and the ledger through operations"
NO_PIPELINE = "The engine knows no pipeline"
DOOR = "Pipelines come in by their door"
AREAS = "A clinical area knows no other"
SHARED = "What all areas share knows none of them by name; the table, the record's type and the page do"


@pytest.mark.parametrize(
    ("importer", "imported", "rule"),
    [
        ("bridge.record", "bridge.fhir", ARROWS),
        ("bridge.fhir", "bridge.mapping", ARROWS),
        ("bridge.spine", "bridge.gpconnect", ARROWS),
        ("bridge.mapping", "bridge.bus", ARROWS),
        ("bridge.mapping", "bridge.spine", ARROWS),
        ("bridge.contracts", "bridge.fhir", ARROWS),
        ("bridge.engine", "bridge.cli", ARROWS),
        ("bridge.bus", "bridge.engine", ARROWS),
        ("bridge.errors", "bridge.settings", ARROWS),
        ("bridge.gpconnect", "bridge.sandbox", ARROWS),
        ("bridge.mapping", "httpx", NO_IO),
        ("bridge.record", "sqlalchemy", NO_IO),
        ("bridge.contracts", "aio_pika", NO_IO),
        ("bridge.fhir", "socket", NO_IO),
        ("bridge.mapping", "bridge.settings", NO_IO),
        ("bridge.renderings", "bridge.settings", NO_IO),
        ("bridge.renderings", "httpx", NO_IO),
        ("bridge.renderings", "bridge.ledger", ARROWS),
        ("bridge.contracts", "bridge.renderings", ARROWS),
        ("bridge.bus", "bridge.contracts", BUS),
        ("bridge.bus", "bridge.record", BUS),
        ("bridge.gpconnect", "bridge.bus", CALLS),
        ("bridge.spine", "bridge.bus", ARROWS),
        ("bridge.gpconnect", "bridge.mapping", CALLS),
        ("pipelines", "aio_pika", BROKERS),
        ("bridge.engine", "aiormq", BROKERS),
        ("bridge.ledger", "bridge.contracts", BUS),
        ("bridge.ledger", "bridge.bus", ARROWS),
        ("bridge.engine", "sqlalchemy", DATABASES),
        ("bridge.cli", "sqlite3", DATABASES),
        ("bridge.sandbox", "bridge.contracts", JUDGE),
        ("bridge.sandbox", "bridge.spine", JUDGE),
        ("bridge.sandbox", "bridge.settings", JUDGE),
        ("bridge.engine", "bridge.sandbox", STARTS),
        ("bridge.operations", "bridge.cli", ARROWS),
        ("bridge.operations", "typer", THIN),
        ("bridge.operations", "sys", THIN),
        ("bridge.cli", "bridge.bus", THROUGH),
        ("bridge.cli", "bridge.ledger", THROUGH),
        ("bridge.engine", "pipelines", NO_PIPELINE),
        ("bridge.cli", "pipelines", NO_PIPELINE),
        ("bridge.pipelines", "bridge.engine", ARROWS),
        ("pipelines", "bridge.contracts", DOOR),
        ("pipelines", "bridge.errors", DOOR),
        ("pipelines", "bridge.testing", DOOR),
        ("bridge.cli", "bridge.testing", ARROWS),
        ("bridge.engine", "bridge.testing", ARROWS),
        ("bridge.mapping", "bridge.areas", ARROWS),
        ("bridge.gpconnect", "bridge.areas", CALLS),
        ("bridge.sandbox", "bridge.areas", JUDGE),
        ("bridge.areas", "httpx", NO_IO),
        ("bridge.areas.medications", "bridge.areas.allergies", AREAS),
        ("bridge.areas.description", "bridge.areas.medications", SHARED),
    ],
)
def test_an_import_against_the_arrows_is_caught(tmp_path: Path, importer: str, imported: str, rule: str):
    module = tmp_path / importer.replace(".", "/") / "offender.py"
    module.parent.mkdir(parents=True)
    module.write_text(f"import {imported}\n")
    assert f"{rule} BROKEN" in " ".join(lint_imports(tmp_path).split())


def test_a_package_without_a_place_in_the_layers_is_caught(tmp_path: Path):
    (tmp_path / "bridge" / "stray").mkdir(parents=True)
    (tmp_path / "bridge" / "stray" / "__init__.py").touch()
    assert "bridge.stray" in lint_imports(tmp_path)


def test_pipelines_may_import_nothing_of_the_bridge_but_their_door():
    [rule] = [rule for rule in IMPORT_RULES["contracts"] if rule["name"] == DOOR]
    assert set(rule["forbidden_modules"]) == {f"bridge.{name}" for name in packages()} - {"bridge.pipelines"}


def test_what_follows_the_arrows_passes(tmp_path: Path):
    said = lint_imports(tmp_path)
    assert f"Contracts: {len(IMPORT_RULES['contracts'])} kept, 0 broken." in said
