"""The glossary names what exists, and words that it has replaced name nothing any more."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "bridge/GLOSSARY.md"
ROW = re.compile(r"^\| ([^|`]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
ROWS = [row for row in ROW.findall(PAGE.read_text(encoding="utf-8")) if row[0] != "Word"]

RETIRED = {
    "asking",
    "book",
    "books",
    "case",
    "cases",
    "desk",
    "doubt",
    "doubts",
    "effect",
    "effects",
    "ending",
    "endings",
    "lane",
    "lanes",
    "letter",
    "letters",
    "mark",
    "marks",
    "parked",
    "patience",
    "recent",
    "replays",
    "room",
    "seat",
    "shared",
    "surgeries",
    "surgery",
    "switch",
    "together",
    "turn",
    "turns",
}
STANDARD = re.compile(r"dead letter|in doubt|kill switch|side effect")
OTHER_SUBJECTS = (
    ("bridge/sandbox/", "case"),  # the cases that the sandbox's practices hold
    ("bridge/mapping/care_record/", "marks"),  # marks in the text of a page: struck out, raised, lowered
    ("bridge/bus/rabbit/", "parked"),  # `parked_by_broker` is a reason code of dead letters
    ("bridge/cli/commands/", "doubts"),  # commands are named as they are typed
    ("tests/assurance/pack/", "case"),  # a clinical safety case
    ("tests/contract/cases/", "cases"),  # a folder of examples, named as they are
    ("tests/integration/bus/rabbit/", "parked"),
    ("tests/integration/side_effects/", "room"),  # rooms of a house: what the tests' own pipeline takes
    ("tests/unit/areas/", "letter"),  # an area of a practice's letters, made up
    ("tests/unit/mapping/care_record/", "marks"),
    ("bridge/ledger/migrations/", ""),  # versions of the schema are called what they were called
)


def identifiers() -> Iterator[tuple[str, str]]:
    """Names of folders, modules, classes and type aliases, with the file that they stand in."""
    for folder in ("bridge", "pipelines", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            file = path.relative_to(ROOT).as_posix()
            yield file, path.stem
            yield file, path.parent.name
            module = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(module):
                if isinstance(node, ast.ClassDef):
                    yield file, node.name
            for node in module.body:
                match node:
                    case ast.Assign(targets=[ast.Name(id=name)]) if re.match(r"_?[A-Z]+[a-z]", name):
                        yield file, name


def retired_words(name: str) -> list[str]:
    words = " ".join(re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)).lower()
    return [
        word
        for word in STANDARD.sub("", words.replace("dead letters", "dead letter")).split()
        if word in RETIRED
    ]


@pytest.mark.parametrize(("word", "where"), [(word, where) for word, _, where in ROWS])
def test_where_a_word_lives_exists(word: str, where: str):
    paths = re.findall(r"`([^`]+)`", where)
    assert paths
    assert [
        path
        for path in paths
        if not (ROOT / ("" if path.startswith("pipelines/") else "bridge") / path).is_file()
    ] == []


def test_each_word_has_one_meaning():
    words = [word for word, _, _ in ROWS]
    assert words
    assert len(set(words)) == len(words)


def test_retired_words_name_neither_modules_nor_classes_nor_aliases():
    found = [
        f"{file}: {name}"
        for file, name in identifiers()
        for word in retired_words(name)
        if not any(file.startswith(folder) and word.startswith(about) for folder, about in OTHER_SUBJECTS)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_book", ["book"]),
        ("_Desk", ["desk"]),
        ("LettersNotSeenTo", ["letters"]),
        ("DeadLetterJob", []),
        ("dead_letters", []),
        ("SideEffects", []),
        ("EffectLate", ["effect"]),
        ("KillSwitchUnreadable", []),
        ("AppointmentInDoubt", []),
        ("BookingRefused", []),
    ],
)
def test_a_retired_word_is_found_where_it_stands_alone(name: str, words: list[str]):
    assert retired_words(name) == words
