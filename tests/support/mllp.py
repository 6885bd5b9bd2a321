"""The hospital's side of MLLP: messages to send and to receive, a peer that does as it is told, and settings."""

import asyncio
import base64
import json
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from bridge.bus.port import Delivery
from bridge.settings import Settings

START, END = b"\x0b", b"\x1c\r"
TOPIC = "allergies.rendered.hl7v2.v1"
NHS_NUMBER = "9990000018"
USERS = {
    "DR481": {
        "user_id": "u-481",
        "family_name": "Patel",
        "given_names": ["Asha"],
        "role": "Hospital pharmacist",
        "organisation": {"ods_code": "RZZ01", "name": "Sandbox General Hospital"},
    }
}


def adt(
    *, control_id: str = "MSG00001", lines: Mapping[str, str] = MappingProxyType({}), **header: str
) -> str:
    """An ADT^A01 as a hospital sends it; whole lines are replaced by their name, and left out where empty."""
    msh = {"event": "ADT^A01", "processing": "P", "charset": "UNICODE UTF-8"} | header
    segments = {
        "MSH": f"MSH|^~\\&|EPR|RZZ01|GPCONNECT|RZZ01|20261129090000||{msh['event']}|{control_id}"
        f"|{msh['processing']}|2.4||||||{msh['charset']}",
        "EVN": "EVN|A01|20261129090000|||DR481^Patel^Asha",
        "PID": f"PID|1||H123^^^RZZ01^MR~{NHS_NUMBER}^^^NHS^NH||Testpatient^Ann",
        "PV1": "PV1|1|I|WARD7||||DR900^Other^Uma||||||||||||V4711",
    } | dict(lines)
    return "\r".join(line for line in segments.values() if line) + "\r"


def a31(control_id: str, patient: str = "P1") -> bytes:
    """A rendered message, as far as a receiver looks at it here."""
    return (
        f"MSH|^~\\&|GPCONNECT|RZZ01|EPR|RZZ01|20261129090000+0000||ADT^A31^ADT_A05|{control_id}|P|2.4||||||"
        f"UNICODE UTF-8\rEVN||20261129090000+0000\rPID|1||{patient}^^^RZZ01^MR\rAL1|1|DA|^Penicillin caf\N{LATIN SMALL LETTER E WITH ACUTE}\r"
    ).encode()


def event(er7: bytes, *, event_id: str | None = None, patient: str = "P1", **changes: Any) -> dict[str, Any]:
    """A rendered message as it is published."""
    return {
        "specversion": "1.0",
        "id": event_id or str(uuid4()),
        "source": "/gpconnect-bridge",
        "type": f"uk.nhs.gpconnect.{TOPIC}",
        "time": "2026-11-29T09:00:00Z",
        "datacontenttype": "x-application/hl7-v2+er7",
        "correlationid": "c1",
        "patientkey": f"key-of-{patient}",
        "snapshotat": "2026-11-29T08:59:58.000Z",
        "data_base64": base64.b64encode(er7).decode(),
    } | changes


def delivery(told: Mapping[str, Any] | bytes, **changes: Any) -> Delivery:
    """It, as the bus hands it over."""
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    return Delivery(
        **({"body": body, "id": "m1", "key": TOPIC, "content_type": "application/json"} | changes)
    )


def acknowledgement(
    message: bytes, word: str = "AA", *, control_id: str | None = None, more: str = ""
) -> bytes:
    """What a receiver says of a message."""
    named = control_id if control_id is not None else control_id_of(message)
    return (
        f"MSH|^~\\&|EPR|RZZ01|GPCONNECT|RZZ01|20261129090001||ACK^A31|A{named}|P|2.4\rMSA|{word}|{named}{more}\r"
    ).encode()


def control_id_of(message: bytes) -> str:
    return message.decode().split("|")[9]


def patient_of(message: bytes) -> str:
    return message.decode().split("\rPID|1||")[1].partition("^")[0]


Reply = Callable[[bytes, int], bytes | None]
"""Of a message and how often it came: the frame that is sent back; None: the connection is cut."""


def accept(message: bytes, _times: int) -> bytes:
    return START + acknowledgement(message) + END


@dataclass
class ScriptedPeer:
    """A receiver that keeps all that came, in order, and answers as it is told."""

    reply: Reply = accept
    delay: float = 0.0
    port: int = 0
    messages: list[bytes] = field(default_factory=list)
    accepted: set[bytes] = field(default_factory=set)
    connections: int = 0
    most_at_once: int = 0
    busy: int = 0
    server: asyncio.Server | None = None
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def control_ids(self) -> list[str]:
        return [control_id_of(message) for message in self.messages]

    def by_patient(self) -> dict[str, list[str]]:
        """What came about each patient, each message where it came first."""
        found: dict[str, list[str]] = defaultdict(list)
        for message in self.messages:
            named = control_id_of(message)
            if named not in found[patient_of(message)]:
                found[patient_of(message)].append(named)
        return found

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.add(writer)
        try:
            while True:
                message = (await reader.readuntil(END))[1 : -len(END)]
                self.busy += 1
                self.most_at_once = max(self.most_at_once, self.busy)
                self.messages.append(message)
                await asyncio.sleep(self.delay)
                self.busy -= 1
                answer = self.reply(message, self.control_ids.count(control_id_of(message)))
                if answer is None:
                    return
                if b"MSA|AA|" in answer:
                    self.accepted.add(message)
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except asyncio.CancelledError:
            pass  # the peer goes, and waits for nobody
        finally:
            self.writers.discard(writer)
            writer.close()

    async def leave(self) -> None:
        """Listen no more, and cut every connection."""
        assert self.server is not None
        self.server.close()
        for writer in self.writers:
            writer.transport.abort()
        await self.server.wait_closed()


@asynccontextmanager
async def peer_at_work(
    reply: Reply = accept, *, delay: float = 0.0, port: int = 0, tls: Any = None
) -> AsyncIterator[ScriptedPeer]:
    peer = ScriptedPeer(reply, delay)
    peer.server = await asyncio.start_server(peer.serve, "127.0.0.1", port, ssl=tls)
    peer.port = peer.server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        await peer.leave()


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Settings of a sender and a listener; the peer and the port are what a test adds."""
    users = folder / "users.json"
    users.write_text(json.dumps(USERS))
    return {
        "BRIDGE_SANDBOX": "true",
        "BRIDGE_STATE_DIR": str(folder),
        "BRIDGE_CONSUMER_ORGANISATIONS": "RZZ01",
        "BRIDGE_PATIENT_KEY": "made-up-key-of-the-tests",
        "BRIDGE_LEDGER_LEASE_SECONDS": "2",
        "BRIDGE_RETRY_FIRST_DELAY": "0.1",
        "BRIDGE_RETRY_MAX_DELAY": "0.2",
        "BRIDGE_STOP_GRACE": "5",
        "BRIDGE_LISTENER_USERS_FILE": str(users),
    } | settings


def settings_of(folder: Path, **settings: str) -> Settings:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
    return Settings.load(environ=clean | environment(folder, **settings))
