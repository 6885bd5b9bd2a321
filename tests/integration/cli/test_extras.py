"""An installation without an extra: what needs it names it, and everything else works."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support.ports import free_port

ROOT = Path(__file__).parents[3]
OURS = "gpconnect-bridge"


def needed(extras: frozenset[str]) -> set[str]:
    """The names of all packages that an installation of ours with these extras brings."""
    found: set[str] = set()
    open_ones = [(OURS, extras)]
    while open_ones:
        name, of = open_ones.pop()
        for text in importlib.metadata.requires(name) or ():
            requirement = Requirement(text)
            if requirement.marker and not any(
                requirement.marker.evaluate({"extra": extra}) for extra in {"", *of}
            ):
                continue
            known = requirement.name.lower().replace("_", "-").replace(".", "-")
            if known not in found:
                found.add(known)
                open_ones.append((known, frozenset(requirement.extras)))
    return found


@pytest.fixture(scope="module", params=["otel", "console"])
def bare(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A folder of packages as pip fills it for us without the extra of this name, and nothing of the tests."""
    extra: str = request.param
    folder = tmp_path_factory.mktemp(f"without-{extra}")
    kept = needed(frozenset({"otel", "console", "embedded"} - {extra}))
    for name in kept:
        distribution = importlib.metadata.distribution(name)
        for file in distribution.files or ():
            if ".." in file.parts or file.suffix == ".pyc":
                continue
            place = folder / file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(Path(str(distribution.locate_file(file))))
    own = importlib.metadata.distribution(OURS)
    own_metadata = Path(str(own.locate_file(""))) / f"{own.name.replace('-', '_')}-{own.version}.dist-info"
    (folder / own_metadata.name).symlink_to(own_metadata)
    for package in ("bridge", "pipelines"):
        (folder / package).symlink_to(ROOT / package)
    return extra, folder


def run(folder: Path, where: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command of that installation; neither the environment nor any other package is seen."""
    script = (
        "import sys\n"
        f"sys.path = [{str(folder)!r}, *(path for path in sys.path if path and 'site-packages' not in path)]\n"
        "from bridge.cli import main\nmain()\n"
    )
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=where,
        env={"LANG": "C.UTF-8", "BRIDGE_SANDBOX": "true", **environment},
    )


def test_what_needs_an_extra_names_it(bare: tuple[str, Path], tmp_path: Path):
    extra, folder = bare
    pip = f"pip install 'gpconnect-bridge[{extra}]'"
    commands = [("console",), ("demo", "--console")] if extra == "console" else [("run",)]
    collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"} if extra == "otel" else {}
    for words in commands:
        done = run(folder, tmp_path, *words, **collector)
        assert (done.returncode, pip in done.stderr) == (3, True), (words, done.stderr[-2000:])
        assert "Traceback" not in done.stderr
    assert run(folder, tmp_path, "keys", "new", "vault.keys").returncode == 0
