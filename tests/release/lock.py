"""What an installation holds, as ``uv.lock`` has it: the packages, and which needs which.

Markers are evaluated for the Python that runs this, on this platform (``environment()`` says which): a
Windows machine would need `colorama` besides, which no list here names.
"""

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from packaging.markers import Marker, default_environment
from packaging.tags import sys_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT: Final = Path(__file__).parents[2]
PROJECT: Final = "gpconnect-bridge"
EXTRAS: Final = ("console", "embedded", "otel")
"""The optional parts of the wheel, as ``pyproject.toml`` names them."""


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """A package at the version that the lock file holds it to."""

    name: str
    version: str
    url: str
    """Of the file that this platform installs."""
    sha256: str
    needs: tuple[str, ...]
    """Names of other packages that it needs here, sorted."""


class LockedNeedsError(Exception):
    """The lock file does not say what is needed, or something else is installed than it says."""


def environment() -> str:
    """The platform that the lists are of, in words."""
    values = default_environment()
    python = f"{values['platform_python_implementation']} {values['python_version']}"
    return f"{python}, {values['sys_platform']}, {values['platform_machine']}"


def needed(extras: Iterable[str] = ()) -> dict[str, LockedPackage]:
    """Every package that the wheel with these extras brings along, by name; the project itself is not among them."""
    entries = _Entries()
    waiting = [(PROJECT, frozenset(extras))]
    seen: set[tuple[str, frozenset[str]]] = set()
    needs: dict[str, set[str]] = {}
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        found = needs.setdefault(name, set())
        for dependency, its_extras in entries.of(name, wanted):
            found.add(dependency)
            waiting.append((dependency, its_extras))
    return {name: entries.package(name, needs[name]) for name in sorted(needs) if name != PROJECT}


def direct(extras: Iterable[str] = ()) -> tuple[str, ...]:
    """What the project itself asks for with these extras, sorted."""
    return tuple(sorted({name for name, _ in _Entries().of(PROJECT, frozenset(extras))}))


def installed_as_locked(package: LockedPackage) -> None:
    """Refuse to describe a package by metadata of another version."""
    if version(package.name) != package.version:
        raise LockedNeedsError(
            f"{package.name} {version(package.name)} is installed, uv.lock says {package.version}: run `make install`"
        )


class _Entries:
    """The entries of the lock file that this platform installs."""

    def __init__(self) -> None:
        lock = _lock_file()
        self._entries: dict[str, dict[str, Any]] = {}
        for entry in lock["package"]:
            # Of a package that forks by markers, that which is for here.
            if any(Marker(marker).evaluate() for marker in entry.get("resolution-markers", ())) or (
                "resolution-markers" not in entry
            ):
                self._entries[entry["name"]] = entry

    def of(self, name: str, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
        entry = self._entry(name)
        optional = entry.get("optional-dependencies", {})
        asked = [
            *entry.get("dependencies", ()),
            *(each for extra in extras for each in optional.get(extra, ())),
        ]
        for dependency in asked:
            marker = dependency.get("marker")
            if marker is None or Marker(marker).evaluate():
                yield dependency["name"], frozenset(dependency.get("extra", ()))

    def package(self, name: str, needs: Iterable[str]) -> LockedPackage:
        entry = self._entry(name)
        file = self._file(entry)
        return LockedPackage(
            name, entry["version"], file["url"], file["hash"].removeprefix("sha256:"), tuple(sorted(needs))
        )

    def _entry(self, name: str) -> dict[str, Any]:
        if (entry := self._entries.get(canonicalize_name(name))) is None:
            raise LockedNeedsError(f"uv.lock has no {name}: run `uv lock`")
        return entry

    @staticmethod
    def _file(entry: dict[str, Any]) -> dict[str, Any]:
        """The wheel that an installer takes here: that of the first tag that fits; else the source."""
        ranks = _ranks()
        best: tuple[int, dict[str, Any]] | None = None
        for wheel in entry.get("wheels", ()):
            tags = parse_wheel_filename(wheel["url"].rpartition("/")[2])[3]
            rank = min((ranks[str(tag)] for tag in tags if str(tag) in ranks), default=None)
            if rank is not None and (best is None or rank < best[0]):
                best = (rank, wheel)
        if best is not None:
            return best[1]
        if "sdist" not in entry:
            raise LockedNeedsError(f"uv.lock has no file of {entry['name']} for {environment()}")
        source: dict[str, Any] = entry["sdist"]
        return source


@cache
def _lock_file() -> dict[str, Any]:
    return tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))


@cache
def _ranks() -> dict[str, int]:
    """How well a tag of a wheel fits here: 0 is best."""
    return {str(tag): rank for rank, tag in enumerate(sys_tags())}
