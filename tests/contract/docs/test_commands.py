"""The `bridge` commands that the documentation and the program's own words show can be given as they stand.

They are parsed by the command line itself and not run: names, options, the number of arguments and the types
of values are checked.
"""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer import TyperException

from bridge.cli.app import app
from bridge.cli.exits import Exit

ROOT = Path(__file__).parents[3]
FOLDERS = ("bridge", "pipelines", "deploy", "tests", "findings")
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(page for folder in FOLDERS for page in sorted((ROOT / folder).rglob("*.md"))),
]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
IN_LINE = re.compile(r"(`+)([^`]+)\1")
ALONE = re.compile(r"(?:bridge )?(--?[a-z-]+)")
PROGRAM = re.compile(r"(?:.*/)?bridge")
BRIDGE = typer.main.get_command(app)
INCOMPLETE = re.compile(r"Missing (argument|option)|Option '\S+' requires an argument|Usage: ")
"""How the command line tells that something is missing: it has no public name for that."""
OF_OTHERS = {"--ulimit", "--vhost", "--sample-queue", "--delete-guest"}  # docker's, and setup.sh's


def arguments(line):
    """What a shell would give to `bridge`; None when the line is no command of it.

    In a container the name of the service is `bridge` as well, so the last one counts.
    """
    words = shlex.split(re.split(r"\s[<>|&]", line)[0], comments=True)
    places = [number for number, word in enumerate(words) if PROGRAM.fullmatch(word)]
    return words[places[-1] + 1 :] or None if places else None


def console_lines():
    for page in PAGES:
        for language, block in FENCED.findall(page.read_text()):
            lines = block.replace("\\\n", " ").splitlines() if language == "console" else []
            for line in lines:
                if line.startswith("$ ") and (found := arguments(line.removeprefix("$ "))):
                    yield tuple(found)


def named_in_text():
    """Commands between backticks; `a|b` stands for either."""
    for file in (*PAGES, *sorted((ROOT / "bridge").rglob("*.py"))):
        for _, span in IN_LINE.findall(FENCED.sub("", file.read_text())):
            if not re.match(r"bridge [a-z-]", span) or ALONE.fullmatch(span):
                continue
            either = [word.split("|") for word in arguments(" ".join(span.split()).replace("|", "\\|"))]
            for number in range(max(map(len, either))):
                yield tuple(words[min(number, len(words) - 1)] for words in either)


def options_in_text():
    for page in PAGES:
        for _, span in IN_LINE.findall(FENCED.sub("", page.read_text())):
            if (found := ALONE.fullmatch(span)) and found[1] not in OF_OTHERS:
                yield found[1]


def parse(words):
    """Parse a command to its end, without running it.

    Raises:
        TyperException: as the command line would tell it.
    """
    name, command, context, rest = "bridge", BRIDGE, None, list(words)
    while True:
        context = command.make_context(name, rest, parent=context)
        left = [*context._protected_args, *context.args]
        if not hasattr(command, "resolve_command") or not left:
            return
        name, command, rest = command.resolve_command(context, left)


def leaves(command):
    yield command
    if hasattr(command, "list_commands"):
        for name in command.list_commands(None):
            yield from leaves(command.get_command(None, name))


@pytest.fixture(autouse=True)
def _files(tmp_path, monkeypatch):
    """The files that examples mention; those of the repository are there as it has them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FILE").touch()
    (tmp_path / "DIR").mkdir()
    (tmp_path / "pipelines").symlink_to(ROOT / "pipelines")
    (tmp_path / ".bridge").mkdir()
    (tmp_path / ".bridge/sandbox.env").touch()


@pytest.mark.parametrize("words", sorted(set(console_lines())), ids=" ".join)
def test_a_line_for_a_console_can_be_given_as_it_stands(words):
    parse(words)
    for file in (word for word in words if word.startswith("pipelines/")):
        assert Path(file).is_file()


@pytest.mark.parametrize("words", sorted(set(named_in_text())), ids=" ".join)
def test_a_command_that_is_named_exists_and_takes_what_it_is_given(words):
    # It is spoken of, not shown whole: what it needs may be missing, and a group may stand for its commands.
    told = ""
    try:
        parse(words)
    except TyperException as fault:
        told = fault.format_message()
    assert not told or INCOMPLETE.match(told), told


@pytest.mark.parametrize("option", sorted(set(options_in_text())))
def test_an_option_that_is_named_alone_is_one_of_some_command(option):
    known = {each for command in leaves(BRIDGE) for one in command.params for each in one.opts}
    assert option in {*known, *BRIDGE.context_settings["help_option_names"]}


@pytest.mark.parametrize(
    "line",
    [
        "bridge send --no-such-option FILE",
        "docker compose run --rm bridge sende FILE",
        ".venv/bin/bridge --env-file .bridge/sandbox.env run now",
        "bridge dead replay run JOB --rate fast",
        "bridge keys consumer FILE",
    ],
)
def test_what_is_wrong_about_a_line_is_found(line):
    with pytest.raises(TyperException) as refused:
        parse(arguments(line))
    assert refused.value.exit_code == Exit.UNREADABLE


def test_lines_of_every_form_are_found():
    assert ("--env-file", ".bridge/sandbox.env", "run") in set(console_lines())
    assert ("send", "--wait", "-") in set(console_lines())
    assert ("doctor",) in set(console_lines())
    assert ("dead", "export") in set(named_in_text())
