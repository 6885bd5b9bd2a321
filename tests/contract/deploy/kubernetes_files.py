"""The folders of deploy/kubernetes, as kubectl itself renders them."""

import functools
import json
import subprocess
import sys
from pathlib import Path
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
    """What `kubectl apply -k` would send."""
    command = [str(KUBECTL), "kustomize", str(FOLDER / folder)]
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


def settings(folder: str) -> dict[str, str]:
    """What the ConfigMap sets."""
    (found,) = of_kind(folder, "ConfigMap").values()
    return dict(found["data"])
