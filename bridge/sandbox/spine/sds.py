"""The Spine Directory Service as its FHIR R4 API answers (directories.md; the samples recorded from it)."""

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid4, uuid5

from bridge.sandbox.control.board import FaultBoard
from bridge.sandbox.control.calls import Call
from bridge.sandbox.outcomes import json_reply, sds_error, spoil
from bridge.sandbox.spine.interactions import BY_INTERACTION
from bridge.sandbox.web import Reply, Request
from bridge.sandbox.world import CONSUMERS, PRACTICES, SUPPLIER_ODS, Practice, asids

Json = dict[str, Any]

ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
INTERACTION = "https://fhir.nhs.uk/Id/nhsServiceInteractionId"
PARTY_KEY = "https://fhir.nhs.uk/Id/nhsMhsPartyKey"
ASID = "https://fhir.nhs.uk/Id/nhsSpineASID"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TYPES = {"application/fhir+json", "application/json", "*/*"}
_ALLOWED = {
    "Device": {"organization", "identifier", "manufacturing-organization"},
    "Endpoint": {"organization", "identifier"},
}


class SandboxSds:
    """Answers ``/Device`` and ``/Endpoint`` under `path`.

    Args:
        path: of the service, e.g. ``/spine-directory/FHIR/R4``.
        base: public address of this server, for the links in the answers.
        practices: public address of the practice server.
        api_key: the only key that is taken.
    """

    def __init__(self, *, path: str, base: str, practices: str, api_key: str, faults: FaultBoard) -> None:
        self._path = path
        self._base = base
        self._api_key = api_key
        self._faults = faults
        self._held = {"Device": _by_owner(_devices()), "Endpoint": _by_owner(_endpoints(practices))}

    async def handle(self, request: Request, call: Call) -> Reply:
        """Answer one request."""
        correlation_id = request.headers.get("x-correlation-id", "")
        known = _UUID.fullmatch(correlation_id) is not None
        answered_id = correlation_id if known else str(uuid4()).upper()
        problem = self._problem(request, valid_correlation=known or not correlation_id)
        if problem:
            status, call.refused = problem
            reply = sds_error(status, call.refused, answered_id)
            if status == 405:  # noqa: PLR2004 - method not allowed names the allowed ones
                reply.headers["allow"] = "GET"
        else:
            reply = self._search(request, call)
            fault = self._faults.take("sds", call.practice)
            if fault:
                reply = spoil(reply, fault)
        reply.headers["x-correlation-id"] = answered_id
        return reply

    def _problem(self, request: Request, *, valid_correlation: bool) -> tuple[int, str] | None:
        """Status and words of the first rule that the request breaks."""
        kind = request.target.removeprefix(f"{self._path}/")
        accepted = {part.split(";")[0].strip() for part in request.headers.get("accept", "*/*").split(",")}
        if request.headers.get("apikey") != self._api_key:
            return 401, "Missing or invalid apikey header"
        if kind not in _ALLOWED:
            return 404, "HTTP endpoint not found"
        if request.method != "GET":
            return 405, "HTTP operation not supported"
        if not accepted & _TYPES:
            return 406, "Accept type not supported"
        if not valid_correlation:
            return 400, "HTTP 400: Bad Request (Invalid X-Correlation-ID header. Should be an UUIDv4)"
        return _parameter_problem(kind, request.parameters)

    def _search(self, request: Request, call: Call) -> Reply:
        kind = request.target.removeprefix(f"{self._path}/")
        identifiers = dict(value.split("|", 1) for name, value in request.parameters if name == "identifier")
        organisation = dict(request.parameters).get("organization")
        call.interaction = identifiers.get(INTERACTION)
        call.practice = organisation.partition("|")[2] if organisation else None
        held = self._held[kind]
        owners = [call.practice] if call.practice else list(held)
        found = [
            resource
            for owner in owners
            for resource in held.get(owner, [])
            if _matches(resource, request.parameters)
        ]
        return json_reply(200, self._bundle(kind, request, found))

    def _bundle(self, kind: str, request: Request, found: list[Json]) -> Json:
        query = "&".join(f"{name}={value}" for name, value in request.parameters)
        address = f"{self._base}{self._path}/{kind}"
        return {
            "resourceType": "Bundle",
            "id": str(uuid4()).upper(),
            "type": "searchset",
            "total": len(found),
            "link": [{"relation": "self", "url": f"{address}?{query}"}],
            "entry": [
                {
                    "fullUrl": f"{address}/{found_id}",
                    "resource": {**resource, "id": found_id},
                    "search": {"mode": "match"},
                }
                for resource in found
                # The ids are new in every answer, as the real service makes them.
                for found_id in [str(uuid4()).upper()]
            ],
        }


def _parameter_problem(kind: str, parameters: list[tuple[str, str]]) -> tuple[int, str] | None:
    for name, _ in parameters:
        if name not in _ALLOWED[kind]:
            return 400, f"HTTP 400: Bad Request (Illegal query parameter '{name}')"
    organisations = [value for name, value in parameters if name == "organization"]
    identifiers = {value.split("|", 1)[0] for name, value in parameters if name == "identifier"}
    has_organisation = len(organisations) == 1 and organisations[0].startswith(f"{ODS}|")
    if (kind == "Device" or organisations) and not has_organisation:
        needs = f"Should be 'organization={ODS}|value'"
        return 400, f"HTTP 400: Bad Request (Missing or invalid 'organization' query parameter. {needs})"
    if kind == "Device" and INTERACTION not in identifiers:
        return 400, "HTTP 400: Bad Request (Missing or invalid 'identifier' query parameter)"
    if len(identifiers & {INTERACTION, PARTY_KEY}) + has_organisation < 2:  # noqa: PLR2004 - any two of three
        return 400, "HTTP 400: Bad Request (Missing or invalid query parameters)"
    return None


def _owner(resource: Json) -> Json:
    owner = resource.get("owner") or resource["managingOrganization"]
    identifier: Json = owner["identifier"]
    return identifier


def _by_owner(resources: Iterable[Json]) -> dict[str, list[Json]]:
    """By the ODS code of the owner, which nearly every question names."""
    held: dict[str, list[Json]] = {}
    for resource in resources:
        held.setdefault(_owner(resource)["value"], []).append(resource)
    return held


def _matches(resource: Json, parameters: list[tuple[str, str]]) -> bool:
    held = {(item["system"], item["value"]) for item in [_owner(resource), *resource["identifier"]]}
    made_by = ""
    for extension in resource["extension"]:
        identifier = extension["valueReference"]["identifier"]
        if extension["url"].endswith("ManufacturingOrganisation"):
            made_by = identifier["value"]
        else:
            held.add((identifier["system"], identifier["value"]))
    for name, value in parameters:
        system, _, wanted = value.partition("|")
        if name == "manufacturing-organization":
            if wanted != made_by:
                return False
        elif (system, wanted) not in held:
            return False
    return True


def _identifier(system: str, value: str) -> Json:
    return {"system": system, "value": value}


def _extension(name: str, system: str, value: str) -> Json:
    return {
        "url": f"https://fhir.nhs.uk/StructureDefinition/Extension-SDS-{name}",
        "valueReference": {"identifier": _identifier(system, value)},
    }


def _device(ods: str, asid: str, party_key: str, manufacturer: str, interactions: Iterable[str]) -> Json:
    identifiers = [_identifier(ASID, asid), _identifier(PARTY_KEY, party_key)]
    if int(asid) % 2:
        identifiers.reverse()  # no order may be relied on
    return {
        "resourceType": "Device",
        "identifier": identifiers,
        "extension": [
            _extension("ManufacturingOrganisation", ODS, manufacturer),
            *(_extension("NhsServiceInteractionId", INTERACTION, name) for name in interactions),
        ],
        "owner": {"identifier": _identifier(ODS, ods)},
    }


def _devices() -> Iterator[Json]:
    for consumer in CONSUMERS:
        yield _device(consumer.ods, consumer.asid, consumer.party_key, SUPPLIER_ODS, BY_INTERACTION)
        # Another supplier's system at the same hospital: found unless the manufacturer is asked for (SP-018).
        asid = f"{int(consumer.asid) + 500:012d}"
        yield _device(consumer.ods, asid, f"{consumer.ods}-880001", "YGS09", BY_INTERACTION)
    for practice in PRACTICES:
        for number, asid in enumerate(asids(practice)):
            party_key = practice.party_key(number)
            yield _device(practice.ods, asid, party_key, practice.manufacturer, practice.interactions)


def _endpoints(base: str) -> Iterator[Json]:
    for practice in PRACTICES:
        for number in range(practice.endpoints):
            yield from (_endpoint(base, practice, number, name) for name in practice.interactions)


def _endpoint(base: str, practice: Practice, number: int, interaction: str) -> Json:
    mhs = uuid5(NAMESPACE_URL, f"{practice.ods}/{number}/{interaction}").hex[:12].upper()
    address = {"address": practice.root(base, interaction)} if practice.has_address else {}
    return {
        "resourceType": "Endpoint",
        "status": "active",
        "connectionType": {
            "system": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type",
            "code": "hl7-fhir-msg",
            "display": "HL7 FHIR Messaging",
        },
        "payloadType": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/endpoint-payload-type",
                        "code": "any",
                        "display": "Any",
                    }
                ]
            }
        ],
        **address,
        "managingOrganization": {"identifier": _identifier(ODS, practice.ods)},
        "identifier": [
            _identifier("https://fhir.nhs.uk/Id/nhsMhsFQDN", urlsplit(base).hostname or ""),
            _identifier(PARTY_KEY, practice.party_key(number)),
            _identifier("https://fhir.nhs.uk/Id/nhsMhsCPAId", f"S{mhs}"),
            _identifier("https://fhir.nhs.uk/Id/nhsMHSId", f"S{mhs}"),
        ],
        "extension": [_extension("NhsServiceInteractionId", INTERACTION, interaction)],
    }
