"""What the command line loads before it does anything, and what it says of itself."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from bridge.cli.app import _COMMANDS
from bridge.sandbox import BY_NAME
from bridge.sandbox.structured.parameters import ALLERGIES, MEDICATION, Query

HEAVY = (
    "aio_pika",
    "alembic",
    "asyncpg",
    "fhir",
    "httpx",
    "isal",
    "nats",
    "rich.console",
    "sqlalchemy",
    "starlette",
    "uvicorn",
)

NOT_OF_A_WORKER = {
    "alembic",
    "anyio",
    "asyncpg",
    "better_exceptions",
    "click",
    "colorama",
    "fastapi",
    "faststream",
    "h11",
    "httpx",
    "jinja2",
    "jwt",
    "nats",
    "nh3",
    "prometheus_client",
    "rich",
    "starlette",
    "uvicorn",
}
"""What a migration, claim checks, a practice's pages, the console, another bus or another database need, and what nobody does."""


def bridge(*words, **environment):
    script = (
        "import sys\nfrom bridge.cli import main\n"
        "try:\n    main()\nfinally:\n    print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, set(done.stderr.split())


@pytest.mark.parametrize("words", [("--version",), ("-h",), ("--help",)])
def test_what_it_says_of_itself_loads_no_command(words):
    _, loaded = bridge(*words)
    assert not loaded & {
        *HEAVY,
        "asyncio",
        *(f"bridge.cli.commands.{module}" for module, _, _ in _COMMANDS.values()),
    }


def test_help_and_wrong_usage_of_every_command_load_nothing_of_what_it_does():
    script = (
        "import contextlib, io, json, sys, typer\n"
        "from bridge.cli.app import app\n"
        "def paths(command, context, path):\n"
        "    yield path\n"
        "    if hasattr(command, 'list_commands'):\n"
        "        for name in command.list_commands(context):\n"
        "            yield from paths(command.get_command(context, name), context, (*path, name))\n"
        "root = typer.main.get_command(app)\n"
        "seen = []\n"
        "for path in paths(root, root.make_context('bridge', [], resilient_parsing=True), ()):\n"
        "    for option in ('--help', '--no-such-option'):\n"
        "        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):\n"
        "            try:\n"
        "                code = root.main([*path, option])\n"
        "            except SystemExit as ended:\n"
        "                code = ended.code\n"
        f"        seen.append([path, option, code, [name for name in {HEAVY!r} if name in sys.modules]])\n"
        "print(json.dumps(seen))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env={"LANG": "C.UTF-8"}
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert {tuple(path) for path, *_ in seen} >= {
        (),
        ("run",),
        ("doctor",),
        ("audit", "export"),
        ("dead", "replay", "plan"),
        ("ledger", "doubts", "close"),
    }
    expected = {"--help": 0, "--no-such-option": 2}
    assert [each for each in seen if each[2] != expected[each[1]] or each[3]] == []


def test_mapping_loads_neither_bus_nor_database_nor_settings(tmp_path):
    scenario = BY_NAME["rich_record"]
    bundle = scenario.record()
    assert bundle is not None
    query = Query(scenario.nhs_number, (ALLERGIES, MEDICATION), parts=(("includeResolvedAllergies", True),))
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(bundle.answer(query)))
    out, loaded = bridge("map", str(file))
    assert json.loads(out)["medications"]
    assert not loaded & set(HEAVY)


def test_it_tells_its_version():
    out, _ = bridge("--version")
    assert out == f"bridge {version('gpconnect-bridge')}\n"


@pytest.mark.parametrize("words", [(), ("map",), ("dead", "list")])
def test_short_help_is_the_long_one_and_fits_80_columns(words):
    short, _ = bridge(*words, "-h", COLUMNS="80")
    assert short == bridge(*words, "--help", COLUMNS="80")[0]
    assert max(map(len, short.splitlines())) <= 80


def test_the_list_names_every_command():
    out, _ = bridge("-h")
    for name, (_, _, line) in _COMMANDS.items():
        assert f"  {name} " in out
        assert line.split()[0] in out


def test_the_shell_completes_commands():
    program = Path(sys.executable).with_name("bridge")
    environment = {"_BRIDGE_COMPLETE": "complete_bash", "COMP_WORDS": "bridge a", "COMP_CWORD": "1"}
    done = subprocess.run([program], capture_output=True, text=True, check=False, env=environment)
    assert sorted(done.stdout.split()) == ["assurance", "asyncapi", "audit"]


def test_a_worker_loads_the_forms_that_its_site_has_chosen_and_no_other():
    script = (
        "import sys\n"
        "import bridge.cli.run\n"
        "from bridge.contracts.envelope import EventStyle\n"
        "from bridge.engine.rendering import Renderer\n"
        "from bridge.renderings.table import RENDERINGS\n"
        "def loaded():\n"
        "    print(*sorted({name.split('.')[2] for name in sys.modules if name.startswith('bridge.renderings.')}))\n"
        "loaded()\n"
        "Renderer(EventStyle('a', 'b', None), RENDERINGS, ['changes'])\n"
        "loaded()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    at_start, chosen = (set(line.split()) for line in done.stdout.splitlines())
    assert not at_start & {"changes", "fhir_r4", "hl7v2"}
    assert chosen - at_start == {"changes"}


def test_a_worker_loads_nothing_of_what_few_need():
    script = (
        "import sys\n"
        "import bridge.bus.rabbit.bus, bridge.cli.run\n"
        "from bridge.pipelines.installed import installed_pipelines\n"
        "installed_pipelines()\n"
        "print(*{name.partition('.')[0] for name in sys.modules})\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) & NOT_OF_A_WORKER == set()
