"""PDS, SDS and the proxy on one server: what a test leaves alone answers well."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

import orjson
from pydantic import SecretStr

from bridge.areas.requests import Areas
from bridge.contracts.requests import Patient, Requester
from bridge.errors import FailureCode
from bridge.gpconnect import GpConnect
from bridge.settings import ConsumerSettings, PdsSettings, SdsSettings, Settings, SpineSettings, SspSettings
from bridge.spine import Spine
from bridge.spine.http import Limits, Upstream
from bridge.spine.tokens import TokenIssuer
from tests.support.http_server import HttpServer, Request, answer
from tests.support.requests import record_request

NHS_NUMBER = "9990000018"
PRACTICE = "A82038"
ROOT = "https://gp.example.nhs.uk/A82038/STU3/1/gpconnect/structured"
PARTY_KEY = "A82038-820001"
ASID = "918999198738"
OWN_ASID = "200000000115"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"

Reply = bytes | Callable[[Request], bytes]


def pds_patient(**changes: Any) -> dict[str, Any]:
    """A patient as PDS sends one; `changes` replace elements, None removes them."""
    patient = {
        "resourceType": "Patient",
        "id": NHS_NUMBER,
        "meta": {"versionId": "2", "security": [{"code": "U", "display": "unrestricted"}]},
        "name": [
            {"use": "nickname", "family": "Nick", "given": ["Nicky"]},
            {"use": "usual", "family": "O'Brien", "given": ["Siân", "Mary"], "prefix": ["Mrs"]},
        ],
        "gender": "female",
        "birthDate": "1948-03-17",
        "generalPractitioner": [gp(PRACTICE, start="2020-01-01")],
    } | changes
    return {name: value for name, value in patient.items() if value is not None}


def gp(ods: str, **period: str) -> dict[str, Any]:
    identifier: dict[str, Any] = {"system": ODS, "value": ods, "period": period}
    return {"id": "254406A3", "type": "Organization", "identifier": identifier}


def searchset(*resources: dict[str, Any]) -> bytes:
    entries = [{"fullUrl": "http://sds/x", "resource": resource} for resource in resources]
    return answer({"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries})


def endpoint(address: str | None = ROOT, party_key: str = PARTY_KEY) -> dict[str, Any]:
    identifiers = [
        {"system": "https://fhir.nhs.uk/Id/nhsMhsFQDN", "value": "gp.example.nhs.uk"},
        {"system": "https://fhir.nhs.uk/Id/nhsMhsPartyKey", "value": party_key},
    ]
    found = {"resourceType": "Endpoint", "id": "random", "identifier": identifiers}
    return found | ({"address": address} if address else {})


def device(asid: str = ASID, party_key: str = PARTY_KEY) -> dict[str, Any]:
    identifiers = [
        {"system": "https://fhir.nhs.uk/Id/nhsMhsPartyKey", "value": party_key},
        {"system": "https://fhir.nhs.uk/Id/nhsSpineASID", "value": asid},
    ]
    return {"resourceType": "Device", "id": "random", "identifier": identifiers, "extension": [{"url": "x"}]}


def outcome(
    code: str, *, system: str = "https://fhir.nhs.uk/R4/CodeSystem/Spine-ErrorOrWarningCode"
) -> bytes:
    coding = {"system": system, "code": code}
    return orjson.dumps(
        {"resourceType": "OperationOutcome", "issue": [{"details": {"coding": [coding]}, "diagnostics": "x"}]}
    )


class World:
    """The four services; replace a reply to change what one says.

    `seen` lists what was asked, by service, in order.
    """

    def __init__(self, server: HttpServer, settings: Settings) -> None:
        self.server = server
        self.settings = settings
        self.seen: list[str] = []
        self.token: Reply = answer({"access_token": "token-1", "expires_in": "599", "token_type": "Bearer"})
        self.pds: Reply = answer(pds_patient())
        self.endpoints: Reply = searchset(endpoint())
        self.devices: Reply = searchset(device())
        self.own_devices: Reply = searchset(device(OWN_ASID, "CONSUMER-820002"))
        self.practice: Reply = answer({"resourceType": "Bundle", "entry": []})

    def of(self, service: str) -> list[Request]:
        return [
            request for name, request in zip(self.seen, self.server.requests, strict=True) if name == service
        ]

    async def handle(self, request: Request, writer: asyncio.StreamWriter) -> None:
        service, reply = self._route(request)
        self.seen.append(service)
        writer.write(reply if isinstance(reply, bytes) else reply(request))

    def _route(self, request: Request) -> tuple[str, Reply]:
        if request.target == "/oauth2/token":
            return "token", self.token
        if request.target.startswith("/pds/Patient/"):
            return "pds", self.pds
        if request.target.startswith("/sds/Endpoint?"):
            return "sds.endpoint", self.endpoints
        if request.target.startswith("/sds/Device?"):
            own = "manufacturing-organization" in request.target
            return ("sds.own", self.own_devices) if own else ("sds.device", self.devices)
        return "practice", self.practice


@asynccontextmanager
async def world(key_file: Path, *, tls: ssl.SSLContext | None = None, **changes: Any) -> AsyncIterator[World]:
    """The services, running, and settings that lead to them."""
    holder: list[World] = []

    async def handle(request: Request, writer: asyncio.StreamWriter) -> None:
        await holder[0].handle(request, writer)

    async with HttpServer(handle, tls=tls) as server:
        holder.append(World(server, settings_for(server.url, key_file, **changes)))
        yield holder[0]


def settings_for(url: str, key_file: Path, **changes: Any) -> Settings:
    groups: dict[str, Any] = {
        "sandbox": True,
        "pds": PdsSettings(
            url=f"{url}/pds",
            token_url=f"{url}/oauth2/token",
            client_id="app-1",
            key_file=key_file,
            key_id="test-1",
            rate_per_second=1000,
        ),
        "sds": SdsSettings(url=f"{url}/sds/", api_key=SecretStr("sds-key")),
        "ssp": SspSettings(url=url),
        "spine": SpineSettings(allowed_hosts=("gp.example.nhs.uk",)),
        "consumer": ConsumerSettings(
            endpoint_url="https://consumer.example.nhs.uk/spine",
            supplier_ods="X26",
            organisations=("RXX", "RYY"),
            device_id="bridge-01",
            identifier_system="https://supplier.example.com",
        ),
    }
    return Settings(**(groups | changes))


@asynccontextmanager
async def client(services: World) -> AsyncIterator[GpConnect]:
    async with Spine.open(services.settings) as spine:
        yield GpConnect(spine)


ISSUER = TokenIssuer(
    endpoint_url="https://consumer.example.nhs.uk/spine",
    identifier_system="https://supplier.example.com",
    device_id="bridge-01",
    product="gpconnect-bridge",
    version="0.1.0",
)


@asynccontextmanager
async def upstream(name: Literal["pds", "ssp"]) -> AsyncIterator[Upstream]:
    """An upstream by itself, for a client that is built by hand."""
    tls = ssl.create_default_context()
    opened = Upstream(
        name,
        stage="spine",
        timeout_code=FailureCode.PROVIDER_TIMEOUT,
        fault_code=FailureCode.SPINE_ERROR,
        limits=Limits(connect=5, read=5, write=5, call=5, response_bytes=1_000_000, connections=10),
        tls=lambda: tls,
    )
    try:
        yield opened
    finally:
        await opened.aclose()


def patient(**details: Any) -> Patient:
    return Patient.model_validate({"nhs_number": NHS_NUMBER} | details)


def requester(ods: str = "RXX", **changes: Any) -> Requester:
    asks = record_request()["requested_by"] | {"organisation": {"ods_code": ods, "name": "Example Hospital"}}
    return Requester.model_validate(asks | changes)


AREAS = Areas.model_validate({"medications": {}, "allergies": {}})
WANTED = AREAS.parameters()


def query(request: Request) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(request.target).query, strict_parsing=True)


def claims(request: Request) -> dict[str, Any]:
    payload = request.headers["authorization"].removeprefix("Bearer ").split(".")[1]
    parsed: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return parsed
