"""``bridge demo --console``: the demonstration, and the console over what it left, until it is stopped."""

import re
from pathlib import Path

import httpx

from tests.support.console import sign_in
from tests.support.ports import free_port
from tests.support.processes import child


def test_the_demo_can_be_looked_at_in_the_console(tmp_path: Path):
    settings = {"BRIDGE_CONSOLE_PORT": str(free_port()), "COLUMNS": "200"}
    with child(
        "bridge",
        ["demo", "--console"],
        environment=settings,
        output=tmp_path / "demo.log",
        cwd=tmp_path,
    ) as demo:
        demo.wait_for("The console:", printed=True)
        found = re.search(r"console: (\S+)\s+name: (\S+)\s+password: (\S+)", demo.printed.read_text())
        assert found is not None
        url, name, password = found.groups()
        with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
            assert sign_in(client, name, password).status_code == 303
            assert "response_invalid" in client.get("/failures").text
        assert demo.stop() == 0
