"""The sandbox as a program."""

import asyncio
import signal
import socket
import sys

import pytest

from bridge.sandbox import SCENARIOS
from tests.support.ports import free_ports

PROGRAM = """
import asyncio, sys
from pathlib import Path
from bridge.sandbox import SandboxOptions, serve
ports = tuple(int(port) for port in sys.argv[2].split(","))
asyncio.run(serve(SandboxOptions(state_dir=Path(sys.argv[1]), ports=ports), env_file=Path(sys.argv[3])))
"""


async def start(state_dir, ports, env_file):
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        str(state_dir),
        ",".join(map(str, ports)),
        str(env_file),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
async def test_it_says_what_is_needed_and_stops_when_told(state_dir, tmp_path, stop):
    first = free_ports(4)
    ports = range(first, first + 4)
    env_file = tmp_path / "new" / "sandbox.env"
    process = await start(state_dir, ports, env_file)
    said = (await asyncio.wait_for(process.stdout.readuntil(b"The sandbox is ready.\n"), 30)).decode()
    assert all(scenario.nhs_number in said for scenario in SCENARIOS)
    assert f"export BRIDGE_SSP_URL=http://127.0.0.1:{ports[2]}\n" in said
    written = dict(line.split("=", 1) for line in env_file.read_text().splitlines())
    assert written["BRIDGE_SANDBOX"] == "true"
    assert written["BRIDGE_SSP_URL"] == f"http://127.0.0.1:{ports[2]}"
    assert env_file.stat().st_mode & 0o077 == 0
    reader, writer = await asyncio.open_connection("127.0.0.1", ports[0])
    writer.write(b"GET /personal-demographics/FHIR/R4/Patient/9990000018 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"401" in await reader.readline()
    writer.close()
    process.send_signal(stop)
    rest, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, errors
    assert not env_file.exists()
    assert b"sandbox_call" in rest + errors
    assert b"9990000018" not in rest + errors


async def test_a_port_that_is_taken_is_an_error(state_dir, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = [0, 0, 0, taken.getsockname()[1]]
        process = await start(state_dir, ports, tmp_path / "sandbox.env")
        _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode != 0
    assert b"OSError" in errors
