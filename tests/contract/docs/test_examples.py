"""The examples that stand in the documentation work as they are."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / name for name in ("README.md", "pipelines/README.md", "bridge/README.md", "deploy/README.md")]


def blocks(language):
    for page in PAGES:
        for number, block in enumerate(re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)):
            yield pytest.param(block, id=f"{page.parent.name}-{number}")


def is_a_test(block):
    return "def test_" in block


@pytest.mark.parametrize("block", [one for one in blocks("python") if not is_a_test(one.values[0])])
def test_python_runs_and_the_schemas_of_a_pipeline_in_it_can_be_written(block, tmp_path):
    (tmp_path / "example.py").write_text(block)
    script = (
        "import json, example\n"
        "from bridge.pipelines import Pipeline\n"
        "from bridge.operations.asyncapi import asyncapi_document, message_schemas\n"
        "found = [one for one in vars(example).values() if isinstance(one, Pipeline)]\n"
        "document = asyncapi_document(found, prefix='gp', type_prefix='org.site')\n"
        "print(json.dumps([sorted(message_schemas(found)), sorted(document['channels'])]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    schemas, channels = json.loads(done.stdout)
    assert set(channels) <= set(schemas)


def test_the_test_of_the_pipeline_of_ones_own_passes(tmp_path):
    page = (ROOT / "pipelines" / "README.md").read_text()
    [declared, tested] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "our_pipelines.py").write_text(declared)
    (tmp_path / "test_wristband.py").write_text(tested)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_wristband.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("block", list(blocks("json")))
def test_json_is_json(block):
    assert json.loads(block)
