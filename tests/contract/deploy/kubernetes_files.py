"""The folders of deploy/kubernetes, as kubectl itself renders them."""

import functools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml  # type: ignore[import-untyped]  # ships no types

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "kubernetes"
KUBECTL = Path(sys.executable).with_name("kubectl")
VERSION = "1.37.0"
"""Of Kubernetes, whose schemas the files are held to."""

Resource = dict[str, Any]


@functools.cache
def rendered(folder: str) -> tuple[Resource, ...]:
    """What `kubectl apply -k` would send.

    Args:
        folder: of deploy/kubernetes; after each ``+`` a component that its kustomization is given too.
    """
    folder, *components = folder.split("+")
    if not components:
        return _rendered(FOLDER / folder)
    with TemporaryDirectory() as made:
        copy = Path(made) / "kubernetes"
        shutil.copytree(FOLDER, copy)
        file = copy / folder / "kustomization.yaml"
        before, begin, after = file.read_text().partition("\ncomponents:\n")
        added = "".join(f"  - ../../components/{name}\n" for name in components)
        file.write_text(before + begin + added + after)
        return _rendered(copy / folder)


def _rendered(folder: Path) -> tuple[Resource, ...]:
    command = [str(KUBECTL), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(folder: str, kind: str) -> dict[str, Resource]:
    """Those of a kind, by name; of a ConfigMap without the hash at its end."""
    found = [one for one in rendered(folder) if one["kind"] == kind]
    return {one["metadata"]["name"]: json.loads(json.dumps(one)) for one in found}


def pods(folder: str) -> dict[str, Resource]:
    """The pod of everything that runs one, by the name of what runs it."""
    paths = {
        "Deployment": ("spec", "template"),
        "Job": ("spec", "template"),
        "CronJob": ("spec", "jobTemplate", "spec", "template"),
    }
    found = {}
    for one in rendered(folder):
        if one["kind"] in paths:
            pod = functools.reduce(lambda inner, name: inner[name], paths[one["kind"]], one)
            found[one["metadata"]["name"]] = pod["spec"]
    return found


def settings(folder: str, name: str = "bridge-settings") -> dict[str, str]:
    """What the ConfigMap sets, whose name ends in a hash."""
    maps = of_kind(folder, "ConfigMap").items()
    (found,) = [one for hashed, one in maps if hashed.rpartition("-")[0] == name]
    return dict(found["data"])


def secrets_of_guide() -> dict[str, list[str]]:
    """The keys of each Secret that README.md says how to make."""
    rows = re.findall(
        r"^\| `(bridge-[a-z-]+)`[^|]*\| ([^|]*)\|", (FOLDER / "README.md").read_text(), re.MULTILINE
    )
    return {name: re.findall(r"`([^`]+)`", keys) for name, keys in rows}


def selects(selector: Resource, labels: dict[str, str]) -> bool:
    """Whether a selector finds what has these labels."""
    expressions = selector.get("matchExpressions", [])
    assert {one["operator"] for one in expressions} <= {"In"}
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(one["key"]) in one["values"] for one in expressions
    )
