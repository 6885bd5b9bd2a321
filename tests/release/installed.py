"""The wheel as a site has it: installed where there is no source, by pip and by pipx, and put to work.

Everything runs in a folder of its own, with the environment of a fresh shell; what is imported is looked at.
"""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.release.lock import EXTRAS, PROJECT, ROOT
from tests.release.packages import PACKAGES, ReleaseError

PIPX: Final = "pipx==1.18.4"
TESTS: Final = (
    "tests/unit/contracts",
    "tests/unit/mapping",
    "tests/unit/hl7v2",
    "tests/integration/testing",
    "tests/integration/sandbox/test_foundations.py",
)
"""What is run against the wheel: messages, mapping, HL7 v2, whole requests in one process, and the sandbox over TLS."""
_MOST_CPU: Final = 1.0
"""Seconds of CPU of ``bridge --version``."""
_UV: Final = str(Path(sys.executable).parent / "uv")
_KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR")


def try_wheel(wheel: Path, folder: Path, version: str) -> list[str]:
    """Install the wheel with every extra into a fresh environment and use it; what was seen, a line each."""
    environment = folder / "environment"
    _run(folder, _UV, "venv", "--quiet", "--python", sys.executable, str(environment))
    _run(folder, *_install(environment), f"{wheel}[{','.join(EXTRAS)}]")
    bridge = str(environment / "bin" / "bridge")
    seen = [_version_of(folder, bridge, version)]
    seen.append(f"bridge --version: {_cheap(folder, bridge):.2f} s of CPU")
    demo = _run(folder, bridge, "demo")
    if "record.completed" not in demo:
        raise ReleaseError(f"`bridge demo` of the installed wheel did not come to a record:\n{demo}")
    seen.append("bridge demo: a record came out")
    seen.append(_tests(folder, environment))
    return seen


def try_pipx(wheel: Path, folder: Path, version: str) -> str:
    """``pipx install`` the wheel, apart from any other; what was seen."""
    places = {
        "PIPX_HOME": str(folder / "pipx"),
        "PIPX_BIN_DIR": str(folder / "bin"),
        "PIPX_MAN_DIR": str(folder / "man"),
    }
    _run(folder, _UV, "tool", "run", PIPX, "install", "--python", sys.executable, str(wheel), **places)
    return "pipx install: " + _version_of(folder, str(folder / "bin" / "bridge"), version)


def _version_of(folder: Path, bridge: str, version: str) -> str:
    told = _run(folder, bridge, "--version").strip()
    if told != f"bridge {version}":
        raise ReleaseError(f"the installed wheel says {told!r} of itself, not 'bridge {version}'")
    return told


def _cheap(folder: Path, bridge: str) -> float:
    """The least CPU of three starts; that of the first compiles."""
    least = min(_cpu(folder, bridge) for _ in range(3))
    if least >= _MOST_CPU:
        raise ReleaseError(f"`bridge --version` takes {least:.2f} s of CPU; it may take {_MOST_CPU}")
    return least


def _cpu(folder: Path, bridge: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(folder, bridge, "--version")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _tests(folder: Path, environment: Path) -> str:
    """Run the chosen tests in a copy of the repository without what the wheel is to bring."""
    copy = folder / "repository"
    own = {*PACKAGES, ".git", ".venv", "dist"}
    shutil.copytree(ROOT, copy, ignore=lambda at, names: [n for n in names if _left_out(Path(at), n, own)])
    tools = _run(copy, _UV, "export", "--frozen", "--only-dev", "--quiet", "--no-header", "--no-hashes")
    (folder / "tools.txt").write_text(tools, encoding="utf-8")
    _run(folder, *_install(environment), "--requirement", str(folder / "tools.txt"))
    python = str(environment / "bin" / "python")
    for package in PACKAGES:
        where = _run(copy, python, "-c", f"import {package}; print({package}.__file__)").strip()
        if not Path(where).is_relative_to(environment):
            raise ReleaseError(f"{package} comes from {where}, not from the installed wheel")
    said = _run(copy, python, "-m", "pytest", "--quiet", "-p", "no:randomly", *TESTS)
    return f"tests: {said.strip().splitlines()[-1]}"


def _left_out(at: Path, name: str, own: set[str]) -> bool:
    return (at == ROOT and (name in own or name.startswith("."))) or name == "__pycache__"


def _install(environment: Path) -> list[str]:
    return [_UV, "pip", "install", "--quiet", "--python", str(environment)]


def _run(folder: Path, *command: str, **added: str) -> str:
    variables = {name: os.environ[name] for name in _KEPT if name in os.environ}
    variables |= {
        name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_INDEX", "SSL_"))
    }
    done = subprocess.run(
        command,
        cwd=folder,
        env=variables | added,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ReleaseError(
            f"`{' '.join(command[:4])} …` ended with {done.returncode}:\n{done.stdout[-4000:]}"
        )
    return done.stdout


def named(wheel: Path) -> str:
    """The version in a wheel's name."""
    return wheel.name.removeprefix(PROJECT.replace("-", "_") + "-").split("-")[0]
