"""The threat model, and the lists of OWASP: what may be done to the software, what is done about it, and which tests prove it."""

import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tests.assurance.hazards import Sentence

FOLDER: Final = Path(__file__).parent / "security"
Stride = Literal[
    "spoofing",
    "tampering",
    "repudiation",
    "information disclosure",
    "denial of service",
    "elevation of privilege",
]
STRIDE: Final[tuple[Stride, ...]] = get_args(Stride)
_Test = Annotated[str, Field(pattern=r"^tests/[a-z0-9_/]+\.py::test_[a-z0-9_]+$")]


class _SecurityLine(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    tests: Annotated[tuple[_Test, ...], Field(min_length=1)]
    """That prove what is done, each as ``path::name``."""
    theirs: Sentence | None = None
    """What is left to the organisation that deploys."""

    def missing(self, standing: Collection[str]) -> list[str]:
        """Its tests that do not stand: with any, the line is open."""
        return [test for test in self.tests if test not in standing]


class Threat(_SecurityLine):
    """What one letter of STRIDE would be on a flow."""

    kind: Stride
    threat: Sentence
    control: Sentence


class DataFlow(BaseModel):
    """A way that data takes, with a threat for each letter; `trust` says who is believed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^F\d+$")]
    title: str
    trust: Sentence
    threat: tuple[Threat, ...]

    @model_validator(mode="after")
    def _has_every_letter(self) -> Self:
        if tuple(threat.kind for threat in self.threat) != STRIDE:
            raise ValueError("has not one threat for each letter, in their order")
        return self


class OwaspRisk(_SecurityLine):
    """A line of a list of OWASP."""

    id: str
    title: str
    done: Sentence


class OwaspList(BaseModel):
    """A list of OWASP in one edition."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    edition: Annotated[str, Field(pattern=r"^20\d\d$")]
    about: Sentence
    risk: Annotated[tuple[OwaspRisk, ...], Field(min_length=10, max_length=10)]


def flows(folder: Path = FOLDER) -> list[DataFlow]:
    """Every flow of the threat model."""
    return [DataFlow.model_validate(each) for each in _read(folder / "threats.toml")["flow"]]


def owasp(folder: Path = FOLDER) -> list[OwaspList]:
    """Both lists."""
    return [OwaspList.model_validate(each) for each in _read(folder / "owasp.toml")["list"]]


def lines(of_flows: Collection[DataFlow], lists: Collection[OwaspList]) -> Iterator[Threat | OwaspRisk]:
    """Every line that names tests."""
    for flow in of_flows:
        yield from flow.threat
    for each in lists:
        yield from each.risk


def _read(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))
