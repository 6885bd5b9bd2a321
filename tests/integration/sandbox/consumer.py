"""A consumer written from the specification alone, to ask the sandbox the way a hospital would."""

import base64
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import jwt

from bridge.sandbox import HOSPITAL, RunningSandbox

ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
INTERACTION = "https://fhir.nhs.uk/Id/nhsServiceInteractionId"
PARTY_KEY = "https://fhir.nhs.uk/Id/nhsMhsPartyKey"
RECORD = "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1"
FHIR = "application/fhir+json"
BOTH_AREAS = (
    {"name": "includeAllergies", "part": [{"name": "includeResolvedAllergies", "valueBoolean": True}]},
    {"name": "includeMedication", "part": [{"name": "includePrescriptionIssues", "valueBoolean": True}]},
)


def patient_parameter(nhs_number):
    return {
        "name": "patientNHSNumber",
        "valueIdentifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": nhs_number},
    }


def parameters(nhs_number, *areas):
    return {
        "resourceType": "Parameters",
        "parameter": [patient_parameter(nhs_number), *(areas or BOTH_AREAS)],
    }


def claims(root, **changed):
    now = int(time.time())
    sound = {
        "iss": "https://gpconnect.rzz01.example",
        "sub": "user-7",
        "aud": root,
        "iat": now,
        "exp": now + 300,
        "reason_for_request": "directcare",
        "requested_scope": "patient/*.read",
        "requesting_device": {
            "resourceType": "Device",
            "identifier": [{"system": "https://gpconnect.rzz01.example/Id", "value": "device-1"}],
            "model": "bridge",
            "version": "1",
        },
        "requesting_organization": {
            "resourceType": "Organization",
            "name": HOSPITAL.name,
            "identifier": [{"system": ODS, "value": HOSPITAL.ods}],
        },
        "requesting_practitioner": {
            "resourceType": "Practitioner",
            "id": "user-7",
            "name": [{"family": "Doe", "given": ["Jo"], "prefix": ["Dr"]}],
            "identifier": [
                {"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "UNK"},
                {"system": "https://fhir.nhs.uk/Id/sds-role-profile-id", "value": "UNK"},
                {"system": "https://gpconnect.rzz01.example/Id", "value": "user-7"},
            ],
        },
        "jti": str(uuid4()),
    }
    return {name: value for name, value in {**sound, **changed}.items() if value is not ...}


def changed(headers, changes):
    """`headers` with some set, or left out by None."""
    merged = {**headers, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return {name: value for name, value in merged.items() if value is not None}


def unsigned(payload, *, header=None, signature=""):
    parts = [json.dumps(part).encode() for part in (header or {"alg": "none", "typ": "JWT"}, payload)]
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), signature])


@dataclass
class Consumer:
    sandbox: RunningSandbox
    http: httpx.AsyncClient
    asid: str = HOSPITAL.asid
    _token: str | None = field(default=None, repr=False)

    def assertion(self, *, algorithm="RS512", headers=None, key=None, **changed):
        environment = self.sandbox.environment
        now = int(time.time())
        payload = {
            "iss": environment["BRIDGE_PDS_CLIENT_ID"],
            "sub": environment["BRIDGE_PDS_CLIENT_ID"],
            "aud": self.sandbox.urls["token"],
            "jti": str(uuid4()),
            "exp": now + 120,
        }
        payload = {name: value for name, value in {**payload, **changed}.items() if value is not ...}
        key = key or Path(environment["BRIDGE_PDS_KEY_FILE"]).read_bytes()
        kid = headers or {"kid": environment["BRIDGE_PDS_KEY_ID"]}
        return jwt.encode(payload, key, algorithm=algorithm, headers=kid)

    async def ask_token(self, **changed):
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self.assertion() if "client_assertion" not in changed else "",
        }
        return await self.http.post(self.sandbox.urls["token"], data={**form, **changed})

    async def token(self):
        if self._token is None:
            answer = await self.ask_token()
            assert answer.status_code == 200, answer.text
            self._token = answer.json()["access_token"]
        return self._token

    async def pds(self, nhs_number, **headers):
        sent = {
            "authorization": f"Bearer {await self.token()}",
            "x-request-id": str(uuid4()),
            "nhsd-end-user-organisation-ods": HOSPITAL.ods,
            "accept": FHIR,
        }
        return await self.http.get(
            f"{self.sandbox.urls['pds']}/Patient/{nhs_number}", headers=changed(sent, headers)
        )

    async def sds(self, kind, *query, method="GET", **headers):
        sent = {"apikey": self.sandbox.environment["BRIDGE_SDS_API_KEY"], "accept": FHIR}
        return await self.http.request(
            method,
            f"{self.sandbox.urls['sds']}/{kind}",
            params=list(query),
            headers=changed(sent, headers),
        )

    async def route(self, ods, interaction=RECORD):
        """Root and ASID by SDS."""
        endpoint = await self.sds(
            "Endpoint", ("organization", f"{ODS}|{ods}"), ("identifier", f"{INTERACTION}|{interaction}")
        )
        found = endpoint.json()["entry"][0]["resource"]
        party_key = next(one["value"] for one in found["identifier"] if one["system"] == PARTY_KEY)
        device = await self.sds(
            "Device",
            ("organization", f"{ODS}|{ods}"),
            ("identifier", f"{INTERACTION}|{interaction}"),
            ("identifier", f"{PARTY_KEY}|{party_key}"),
        )
        identifiers = device.json()["entry"][0]["resource"]["identifier"]
        return found["address"], next(one["value"] for one in identifiers if one["system"].endswith("ASID"))

    async def record(
        self,
        nhs_number,
        *areas,
        ods="A99001",
        root=None,
        asid=None,
        headers=None,
        token=None,
        body=None,
        method="POST",
        path="/Patient/$gpc.getstructuredrecord",
        claim=None,
        interaction=RECORD,
    ):
        found_root, found_asid = (root, asid) if root and asid else await self.route(ods, interaction)
        root, asid = root or found_root, asid or found_asid
        sent = {
            "ssp-traceid": str(uuid4()),
            "ssp-from": self.asid,
            "ssp-to": asid,
            "ssp-interactionid": interaction,
            "authorization": f"Bearer {token or unsigned(claims(root, **(claim or {})))}",
            "accept": FHIR,
            "accept-encoding": "gzip",
            "content-type": f"{FHIR};charset=utf-8",
            **(headers or {}),
        }
        content = json.dumps(parameters(nhs_number, *areas)).encode() if body is None else body
        return await self.http.request(
            method,
            f"{self.sandbox.urls['proxy']}/{root}{path}",
            headers={name: value for name, value in sent.items() if value is not None},
            content=content if method == "POST" else None,
        )
