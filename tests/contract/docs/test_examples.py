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


@pytest.mark.parametrize("block", list(blocks("python")))
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


@pytest.mark.parametrize("block", list(blocks("json")))
def test_json_is_json(block):
    assert json.loads(block)
