"""The hazard log: one TOML file per hazard, in the terms of DCB0129. README.md explains its words and the matrix.

A control of the kind ``test`` names tests as ``path::name``. It stands as long as each of them stands; what stands is
given by whoever asks: tests that are in the source (`written_tests`), or those that passed in a run.
"""

import ast
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "hazards"

Severity = Literal["minor", "significant", "considerable", "major", "catastrophic"]
Likelihood = Literal["very low", "low", "medium", "high", "very high"]
Level = Literal["record", "mapping", "transport", "bus", "booking", "display", "human"]
Sentence = Annotated[str, Field(pattern=r"^\S.*\.$")]

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
MATRIX: Mapping[Likelihood, tuple[int, ...]] = {
    "very high": (3, 4, 4, 5, 5),
    "high": (2, 3, 3, 4, 5),
    "medium": (2, 2, 3, 3, 4),
    "low": (1, 2, 2, 3, 4),
    "very low": (1, 1, 2, 2, 3),
}
"""Risk from 1 to 5: a row for each likelihood, a column for each severity in their order."""
TOLERABLE = 3
"""The highest residual risk that may remain, and only with a reason."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Risk(_Table):
    """How bad it would be, and how often it is expected."""

    severity: Severity
    likelihood: Likelihood

    @property
    def rating(self) -> int:
        """Of the matrix."""
        return MATRIX[self.likelihood][SEVERITIES.index(self.severity)]


class ResidualRisk(Risk):
    """What remains with the controls in place, and why."""

    why: Sentence


class Cause(_Table):
    """Where it may begin."""

    level: Level
    words: Sentence


class Control(_Table):
    """What keeps it from happening, or lets somebody notice.

    Attributes:
        kind: ``training`` is what people are told, and the deploying organisation's to do.
        tests: that prove it, each as ``path::name``; of the kind ``test`` alone.
    """

    kind: Literal["design", "test", "training"]
    words: Sentence
    tests: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _tests_prove_a_test_alone(self) -> Self:
        if (self.kind == "test") != bool(self.tests):
            raise ValueError("a control names tests when, and only when, it is of the kind test")
        return self

    def missing(self, standing: Collection[str]) -> list[str]:
        """Its tests that do not stand: with any, the control is open."""
        return [test for test in self.tests if test not in standing]


class Hazard(_Table):
    """One hazard.

    Attributes:
        id: ``HZ-01``; never reused.
        status: ``controlled`` by what is listed; ``shared`` when the deploying organisation's own controls are needed
            as well; ``open`` when what is listed is known not to be enough.
        owner: who answers for it.
    """

    id: Annotated[str, Field(pattern=r"^HZ-\d\d$")]
    title: str
    effect: Sentence
    owner: Literal["supplier", "deployer"]
    status: Literal["controlled", "shared", "open"]
    initial: Risk
    residual: ResidualRisk
    cause: Annotated[tuple[Cause, ...], Field(min_length=1)]
    control: Annotated[tuple[Control, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_controlled(self) -> Self:
        kinds = {control.kind for control in self.control}
        if lacking := {"design", "test", "training"} - kinds:
            raise ValueError(f"has no control of the kind {', '.join(sorted(lacking))}")
        if self.residual.rating > min(self.initial.rating, TOLERABLE):
            raise ValueError("its residual risk is above the initial one, or above what may remain")
        return self

    def is_open(self, standing: Collection[str]) -> bool:
        """Whether somebody has to act: it says so itself, or a control has lost a test."""
        return self.status == "open" or any(control.missing(standing) for control in self.control)

    @property
    def is_grave(self) -> bool:
        """Whether it may not be open in a release: its severity is major or above."""
        return SEVERITIES.index(self.initial.severity) >= SEVERITIES.index("major")


def load(folder: Path = FOLDER) -> list[Hazard]:
    """Every hazard, in the order of the files.

    Raises:
        ValueError: with every fault of every file, by file and field.
    """
    hazards: list[Hazard] = []
    faults: list[str] = []
    for file in sorted(folder.glob("*.toml")):
        try:
            hazards.append(Hazard.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))))
        except ValidationError as error:
            faults += [
                f"{file.name}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
            ]
    ids = [hazard.id for hazard in hazards]
    faults += [f"{name}: stands twice" for name in sorted({name for name in ids if ids.count(name) > 1})]
    if faults:
        raise ValueError("\n".join(faults))
    return hazards


def written_tests(hazards: Collection[Hazard], root: Path = ROOT) -> set[str]:
    """The tests that hazards name, and that are in the source and run on every machine, as ``path::name``.

    Read without running or importing anything; those of classes count by their function's name.
    """
    return existing_tests(
        {test for hazard in hazards for control in hazard.control for test in control.tests}, root
    )


def existing_tests(named: Collection[str], root: Path = ROOT) -> set[str]:
    """The tests of the files of those that are named, which are in the source and run on every machine."""
    files = {name.partition("::")[0] for name in named}
    return {f"{file}::{test}" for file in files if (root / file).is_file() for test in _tests_of(root / file)}


def grave_and_open(hazards: Collection[Hazard], standing: Collection[str]) -> list[str]:
    """What forbids a release, a line for each: the hazard, and the tests that are gone."""
    return [
        f"{hazard.id} {hazard.title}: {', '.join(_missing(hazard, standing)) or 'open'}"
        for hazard in hazards
        if hazard.is_grave and hazard.is_open(standing)
    ]


def _missing(hazard: Hazard, standing: Collection[str]) -> Iterator[str]:
    for control in hazard.control:
        yield from control.missing(standing)


def _tests_of(file: Path) -> Iterator[str]:
    module = ast.parse(file.read_text(encoding="utf-8"))
    if any(isinstance(node, ast.Assign) and _may_not_run(node.value) for node in module.body):
        return
    for node in module.body:
        inside = node.body if isinstance(node, ast.ClassDef) and not _is_left_out(node) else [node]
        for function in inside:
            if (
                isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
                and function.name.startswith("test_")
                and not _is_left_out(function)
            ):
                yield function.name


def _is_left_out(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(_may_not_run(decorator) for decorator in node.decorator_list)


def _may_not_run(expression: ast.expr) -> bool:
    """Whether a mark skips the test, on any machine, or lets it fail: such a test proves nothing here."""
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in {"skip", "skipif", "xfail"}
        and ast.unparse(node.value) == "pytest.mark"
        for node in ast.walk(expression)
    )
