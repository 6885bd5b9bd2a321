"""The consumers in the guide to renderings import each message once, and nothing that is no CloudEvent."""

import re
import subprocess
import sys
from pathlib import Path

import orjson
import playwright
import pytest

from bridge.operations.rendered import rendered
from bridge.renderings.rendering import Rendered, RenderingOptions
from bridge.renderings.table import RENDERINGS
from tests.support.bundles import typical_record
from tests.support.mapped import mapped

GUIDE = (Path(__file__).parents[3] / "bridge/renderings/GUIDE.md").read_text(encoding="utf-8")
NODE = Path(playwright.__file__).parent / "driver" / "node"
"""The one that drives the browser of other tests."""
COMMANDS = {"python": [sys.executable], "js": [str(NODE)]}


def program(language: str) -> str:
    (only,) = re.finditer(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    return only[1]


def messages() -> list[bytes]:
    record = mapped(typical_record())
    found = [each for form in ("r4", "hl7v2") for each in rendered(record, form, RenderingOptions())]
    return [each.body for each in found if isinstance(each, Rendered)]


@pytest.mark.parametrize("language", COMMANDS)
def test_a_consumer_imports_each_message_once_and_refuses_one_without_an_id(language: str, tmp_path: Path):
    (tmp_path / "consumer").write_text(program(language), encoding="utf-8")
    sent = messages()

    def consume(*bodies: bytes) -> subprocess.CompletedProcess[bytes]:
        command = [*COMMANDS[language], "consumer"]
        body = b"\n".join(bodies) + b"\n"
        return subprocess.run(command, cwd=tmp_path, input=body, capture_output=True, check=False)

    first = consume(*sent, *sent)
    assert first.returncode == 0, first.stderr
    topics = [line.split()[0] for line in first.stdout.decode().splitlines()]
    assert topics == [
        "record.rendered.r4.v1",
        "allergies.rendered.hl7v2.v1",
        "medications.rendered.hl7v2.v1",
    ]
    again = consume(*sent)
    assert (again.returncode, again.stdout) == (0, b"")
    nameless = {name: value for name, value in orjson.loads(sent[0]).items() if name != "id"}
    refused = consume(orjson.dumps(nameless))
    assert refused.returncode != 0
    assert b"park it" in refused.stderr


def test_the_guide_names_every_form_and_its_topics():
    for spec in RENDERINGS.values():
        assert f"BRIDGE_RENDERINGS={spec.name}" in GUIDE
    for topic in (*RENDERINGS["r4"].topics, *RENDERINGS["hl7v2"].topics):
        assert f"`{topic}`" in GUIDE


def test_the_consumer_in_java_refuses_the_same_and_remembers_the_same():
    java = program("java")
    assert 'List.of("id", "source", "type")' in java
    assert "INSERT INTO imported (source, id)" in java
    assert 'get("data_base64").binaryValue()' in java
