"""What `bridge/README.md` says of the rooms, where each question is answered and who imports whom, is true.

``ROOMS=write`` writes the section on the rooms anew, from the imports.
"""

import os
import re
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

BRIDGE = Path(__file__).parents[3] / "bridge"
README = BRIDGE / "README.md"
SPAN = re.compile(r"`([^`]+)`")
SECTION = re.compile(
    r"(?<=<!-- rooms: a test holds this to the imports -->\n).*?(?=<!-- end of rooms -->)", re.DOTALL
)


def rows():
    """The rows of the table of questions: the question and where to look."""
    table = README.read_text(encoding="utf-8").partition("| Question | Look at |\n|---|---|\n")[2]
    for line in table.partition("\n\n")[0].splitlines():
        _, question, place, _ = line.split("|")
        yield pytest.param(place, id=question.strip())


def missing(text, *, beside=()):
    """The paths that a text names and that are not there: from `bridge/`, or beside those named before."""
    folders = [BRIDGE, *beside]
    for name in SPAN.findall(text):
        if not (name.endswith((".py", ".md", "/"))):
            continue
        found = next((folder / name for folder in folders if (folder / name).exists()), None)
        if found is None:
            yield name
        else:
            folders.append(found if found.is_dir() else found.parent)


@pytest.mark.parametrize("place", list(rows()))
def test_a_question_is_answered_in_files_that_are_there(place):
    assert SPAN.search(place)
    assert list(missing(place)) == []


def test_the_questions_are_found():
    assert len(list(rows())) > 20


def test_files_that_the_text_names_are_there():
    text = README.read_text(encoding="utf-8")
    paths = [name for name in SPAN.findall(text) if "/" in name and name.endswith(".py")]
    assert paths
    assert [name for name in paths if list(missing(f"`{name}`"))] == []


def test_a_file_that_is_gone_is_missed():
    assert list(missing("`engine/runner.py`; `retry.py`, `gone.py` and `engine/gone/`")) == [
        "gone.py",
        "engine/gone/",
    ]


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("bridge", cache_dir=None)


def arrows(graph):
    """Which rooms each room imports: a room is a package or a module right below `bridge`."""
    found = defaultdict(set)
    for module in graph.modules - {"bridge"}:
        importer = module.split(".")[1]
        for imported in graph.find_modules_directly_imported_by(module) - {"bridge"}:
            if (room := imported.split(".")[1]) != importer:
                found[importer].add(room)
    return found


def test_no_import_leads_back(graph):
    # It would name the circle.
    TopologicalSorter(arrows(graph)).prepare()
    TopologicalSorter(
        {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    ).prepare()


def section(graph):
    rooms = sorted(child.removeprefix("bridge.") for child in graph.find_children("bridge"))
    found = arrows(graph)
    count = sum(map(len, found.values()))
    lines = [
        f"{len(rooms)} rooms (packages, and modules beside them), {count} arrows between them, no circle; no module is in one either.",
        "",
        "| Room | Imports |",
        "|---|---|",
        *(
            f"| `{room}` | {', '.join(f'`{each}`' for each in sorted(found[room])) or 'none'} |"
            for room in rooms
        ),
    ]
    return "\n".join(lines) + "\n"


def test_the_numbers_and_the_arrows_are_those_of_the_imports(graph):
    text = README.read_text(encoding="utf-8")
    if os.environ.get("ROOMS") == "write":
        README.write_text(SECTION.sub(lambda _: section(graph), text), encoding="utf-8")
        text = README.read_text(encoding="utf-8")
    found = SECTION.search(text)
    assert found is not None
    assert found[0] == section(graph), "make it true with ROOMS=write"
