"""Other releases of RabbitMQ: the packages of another Debian, with their Erlang and C library, in a folder.

Nothing of them is installed. The folder is made by the apt of this machine, from the mirrors that it is set up
for, with lists and a cache of its own; each program in it is started by the dynamic loader beside it, because
the C library of the machine may be older.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support import apt, brokers

KEPT = Path(__file__).parents[2] / ".brokers"
_OS_RELEASE = Path("/etc/os-release")
_APT = Path("/etc/apt")
_ERLANG = "usr/lib/erlang"
_ELF = b"\x7fELF"
_TIMEOUT = 900


@dataclass(frozen=True, slots=True)
class Release:
    """A series of RabbitMQ, and the Debian that has it."""

    series: str
    codename: str

    @property
    def title(self) -> str:
        """As it is called in tables."""
        return f"RabbitMQ {self.series}"


RELEASES = (Release("3.10", "bookworm"), Release("4.0", "trixie"))


class UnreachableError(Exception):
    """The packages of that release cannot be had from the mirrors of this machine."""


def environment_of(release: Release) -> Mapping[str, str]:
    """What makes tests run on that release: nothing more where it is the one that is installed.

    Raises:
        UnreachableError: it is not, and cannot be unpacked beside it.
    """
    if brokers.UNPACKED in os.environ:
        raise UnreachableError(f"{brokers.UNPACKED} is set: unset it")
    installed = brokers.installed_rabbitmq()
    if installed is not None and version_of({}).startswith(f"{release.series}."):
        return {}
    root = KEPT / release.codename
    if not root.is_dir():
        unpack(release.codename, root)
    environment = {brokers.UNPACKED: str(root)}
    found = version_of(environment)
    if not found.startswith(f"{release.series}."):
        raise UnreachableError(f"Debian {release.codename} has RabbitMQ {found} by now")
    return environment


def version_of(environment: Mapping[str, str]) -> str:
    """The version of the RabbitMQ that tests run on with these variables."""
    tools = brokers.tools(environment.get(brokers.UNPACKED))
    path = os.pathsep.join((*tools, os.environ.get("PATH", os.defpath)))
    quiet = {"PATH": path, "HOME": str(KEPT), "LANG": "C.UTF-8"}
    KEPT.mkdir(exist_ok=True)
    done = subprocess.run(
        ["rabbitmqctl", "version"], env=quiet, check=True, capture_output=True, text=True, timeout=120
    )
    return done.stdout.strip()


def unpack(codename: str, root: Path) -> None:
    """Fetch RabbitMQ and all that it needs from that Debian into a folder, and make its programs run there.

    Raises:
        UnreachableError: the mirrors do not have it, or cannot be reached.
    """
    if not apt.can_install():
        raise UnreachableError("not root, or no apt-get")
    work = root.with_suffix(".part")
    shutil.rmtree(work, ignore_errors=True)
    for folder in ("sources", "state/lists/partial", "cache/archives/partial", "root"):
        (work / folder).mkdir(parents=True)
    for name, text in _sources(codename):
        (work / "sources" / name).write_text(text)
    (work / "status").touch()  # nothing is installed: all that is needed is fetched, the C library too
    options = (
        *("-o", "Dir::Etc::sourcelist=/dev/null", "-o", f"Dir::Etc::sourceparts={work / 'sources'}"),
        *("-o", f"Dir::State={work / 'state'}", "-o", f"Dir::State::status={work / 'status'}"),
        *("-o", f"Dir::Cache={work / 'cache'}", "-o", "APT::Sandbox::User=root"),
    )
    wanted = ("--yes", "--no-install-recommends", "--download-only", "install", brokers.RABBIT_PACKAGE)
    for arguments in (("update",), wanted):
        _apt_get(*options, "-o", "APT::Update::Error-Mode=any", *arguments)
    for package in sorted((work / "cache/archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "--extract", package, work / "root"], check=True, timeout=_TIMEOUT)
    (work / "root").rename(root)
    shutil.rmtree(work)
    _settle(root)


def _apt_get(*arguments: str) -> None:
    done = subprocess.run(
        ["apt-get", "-qq", *arguments], check=False, capture_output=True, text=True, timeout=_TIMEOUT
    )
    if done.returncode != 0:
        raise UnreachableError(f"apt-get {arguments[-1]}: {done.stderr.strip()[-500:]}")


def _sources(codename: str) -> Iterator[tuple[str, str]]:
    """The machine's own sources of its Debian, by file, for another one."""
    told = dict(re.findall(r'^(\w+)="?([^"\n]*)', _OS_RELEASE.read_text(), re.MULTILINE))
    own = told.get("VERSION_CODENAME", "")
    if own not in {release.codename for release in RELEASES}:
        raise UnreachableError("this machine is no Debian 12 or 13")
    suite = re.compile(rf"(?<=\s){own}(?=(-updates|-security)?\s)")
    for file in (_APT / "sources.list", *sorted((_APT / "sources.list.d").glob("*"))):
        if file.suffix in (".list", ".sources") and file.is_file():
            text = file.read_text()
            if suite.search(text):
                yield file.name, suite.sub(codename, text)


def _settle(root: Path) -> None:
    """Have the programs of Erlang find each other in the folder, and start by its own loader."""
    loader = next((root / "usr/lib").glob("*/ld-linux-*.so.*"))
    for file in _programs(root / _ERLANG):
        content = file.read_bytes()
        if content.startswith(_ELF):
            program = file.rename(file.with_name(f"{file.name}.elf"))
            file.write_text(
                f'#!/bin/sh\nexec "{loader}" --argv0 "$0" --library-path "{loader.parent}" "{program}" "$@"\n'
            )
            file.chmod(0o755)
        elif content.startswith(b"#!"):
            file.write_bytes(content.replace(f"/{_ERLANG}".encode(), str(root / _ERLANG).encode()))


def _programs(folder: Path) -> Iterable[Path]:
    return [
        file
        for file in folder.rglob("*")
        if file.is_file() and not file.is_symlink() and file.suffix != ".so" and os.access(file, os.X_OK)
    ]
