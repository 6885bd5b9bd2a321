"""Spine Directory Service: where a practice's capability is, and which ASIDs speak to each other.

FHIR R4. Endpoint is the MHS record, Device the AS record; the party key joins them (SP-010 to SP-012).
"""

import re
import uuid
from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, Final, Literal
from urllib.parse import quote

from bridge.errors import FailureCode, Refused, Unavailable
from bridge.fhir.parsing import loads
from bridge.spine.clock import timestamp
from bridge.spine.http import Upstream
from bridge.spine.interactions import Interaction
from bridge.spine.limiter import RateLimiter
from bridge.spine.outcomes import directory_error
from bridge.spine.single_flight import SingleFlight
from bridge.spine.tokens import ODS_SYSTEM
from bridge.spine.ttl_cache import TtlCache
from bridge.values import dataclass

_INTERACTION_SYSTEM: Final = "https://fhir.nhs.uk/Id/nhsServiceInteractionId"
_PARTY_KEY_SYSTEM: Final = "https://fhir.nhs.uk/Id/nhsMhsPartyKey"
_ASID_SYSTEM: Final = "https://fhir.nhs.uk/Id/nhsSpineASID"

_SUPPLIER_EXTENSION: Final = "https://fhir.nhs.uk/StructureDefinition/Extension-SDS-ManufacturingOrganisation"

# An ASID becomes a header and a party key part of a query; real ones are under thirty characters.
_IDENTIFIER = re.compile(r"[\x21-\x7e]{1,100}")

# An ODS code ends in a directory filter that does not escape it, so nothing else is ever sent.
_ODS_CODE = re.compile(r"[A-Z0-9]{3,10}")

_OK: Final = 200
_FOUND_SECONDS: Final = 900.0
_NOT_FOUND_SECONDS: Final = 30.0
"""A directory that timed out answers "nothing found" as well, so that answer is believed only briefly."""
_REMEMBERED: Final = 1024


@dataclass(frozen=True, slots=True)
class PracticeEndpoint:
    """One capability of one practice, as the directory has it.

    Attributes:
        ods: the practice.
        service_root: base URL of the capability, byte for byte (SP-031), also with a trailing slash.
        party_key: joins endpoint and system.
        asid: of the practice's system, for `Ssp-To`.
        looked_up_at: RFC 3339, UTC: the age of this answer.
        supplier_ods: who made the practice's system; None where the directory does not say.
    """

    ods: str
    service_root: str
    party_key: str
    asid: str
    looked_up_at: str
    supplier_ods: str | None = None


@dataclass(frozen=True, slots=True)
class DirectoryAnswer:
    """What the directory last said of one capability of a practice.

    Attributes:
        ods: the practice.
        interaction: the capability.
        at: when it said so.
        endpoint: where it is; None when it has none, or no single one.
        detail: why.
    """

    ods: str
    interaction: str
    at: datetime
    endpoint: PracticeEndpoint | None = None
    detail: str | None = None


class Sds:
    """The SDS client.

    Args:
        upstream: the server.
        url: its FHIR base.
        api_key: gives that of this application, which may be another one for the next call.
        supplier_ods: manufacturer of this system: filters its own ASIDs (SP-018).
        organisations: whose users may ask through this installation.
        limiter: shared by all look-ups; None sets no limit.
    """

    def __init__(
        self,
        upstream: Upstream,
        *,
        url: str,
        api_key: Callable[[], str],
        supplier_ods: str,
        organisations: tuple[str, ...],
        limiter: RateLimiter | None = None,
    ) -> None:
        self._upstream = upstream
        self._url = url.rstrip("/")
        self._api_key = api_key
        self._supplier_ods = supplier_ods
        self._organisations = frozenset(organisations)
        self._limiter = limiter
        self._practices = TtlCache[tuple[Hashable, str, str], PracticeEndpoint](_REMEMBERED)
        self._practice_calls = SingleFlight[tuple[Hashable, str, str], PracticeEndpoint]()
        self._own = TtlCache[tuple[str, str], tuple[str, ...]](_REMEMBERED)
        self._said: OrderedDict[tuple[str, str], DirectoryAnswer] = OrderedDict()
        self._own_calls = SingleFlight[tuple[str, str], tuple[str, ...]]()

    async def practice(
        self, ods: str, interaction: Interaction, *, encounter: Hashable = None, fresh: bool = False
    ) -> PracticeEndpoint:
        """Look up one capability of a practice: first its endpoint, then its system.

        Args:
            ods: the practice.
            interaction: the capability; one capability's root is never used for another (SP-013).
            encounter: whose answers may be shared (SP-014), for a quarter of an hour at most. None shares
                nothing, and no answer ever passes from one encounter to another (SP-015).
            fresh: ask again even within the encounter.

        Raises:
            Refused: the practice has no such capability, or the directory names more than one.
            Unavailable: SDS cannot answer now.
        """
        if not _ODS_CODE.fullmatch(ods):
            raise Refused(FailureCode.PRACTICE_NOT_ENABLED, stage="sds", detail="ods_code_malformed")
        key = (encounter, ods, interaction.id)
        if encounter is None:
            return await self._look_up(ods, interaction)
        known = None if fresh else self._practices.get(key)
        if known is None:
            known = await self._practice_calls.run(key, partial(self._look_up, ods, interaction))
            self._practices.put(key, known, _FOUND_SECONDS)
        return known

    def answers(self) -> list[DirectoryAnswer]:
        """What the directory last said of practices, of the last thousand that were looked up."""
        return list(self._said.values())

    async def _look_up(self, ods: str, interaction: Interaction) -> PracticeEndpoint:
        endpoint, detail = None, None
        try:
            endpoint = await self._search_practice(ods, interaction)
        except Refused as refusal:
            detail = refusal.detail
            raise
        finally:
            if endpoint or detail:  # else it did not answer
                self._remember(DirectoryAnswer(ods, interaction.id, datetime.now(UTC), endpoint, detail))
        return endpoint

    def _remember(self, answer: DirectoryAnswer) -> None:
        key = answer.ods, answer.interaction
        self._said[key] = answer
        self._said.move_to_end(key)
        if len(self._said) > _REMEMBERED:
            self._said.popitem(last=False)

    async def _search_practice(self, ods: str, interaction: Interaction) -> PracticeEndpoint:
        found = await self._search("Endpoint", ods, interaction)
        endpoints = {
            (address, party_key)
            for endpoint in found
            if isinstance(address := endpoint.get("address"), str) and address
            for party_key in _identifiers(endpoint, _PARTY_KEY_SYSTEM)
        }
        pairs = {
            (address, party_key, asid): _supplier(device)
            for address, party_key in sorted(endpoints)
            for device in await self._search("Device", ods, interaction, party_key=party_key)
            if party_key in _identifiers(device, _PARTY_KEY_SYSTEM)
            for asid in _identifiers(device, _ASID_SYSTEM)
        }
        if not pairs:
            detail = _missing(found, endpoints)
            raise Refused(FailureCode.PRACTICE_NOT_ENABLED, stage="sds", detail=detail)
        if len(pairs) > 1:  # never the first one: it may be another system's
            raise Refused(FailureCode.CONFIGURATION, stage="sds", detail=f"ambiguous pairs={len(pairs)}")
        (((address, party_key, asid), supplier),) = pairs.items()
        return PracticeEndpoint(
            ods=ods,
            service_root=address,
            party_key=party_key,
            asid=asid,
            looked_up_at=timestamp(),
            supplier_ods=supplier,
        )

    async def own_asid(self, organisation_ods: str, interaction: Interaction) -> str:
        """`Ssp-From`: the ASID under which an organisation's users ask through this system.

        It belongs to the organisation where the request originates, never to a host (SP-033), and comes from
        the directory, never from a message. It is our own record and no practice's, so it is shared by all
        requests for a quarter of an hour.

        Raises:
            Refused: the organisation is not configured here, or has no ASID for this interaction, or several.
            Unavailable: SDS cannot answer now.
        """
        if organisation_ods not in self._organisations:
            raise Refused(FailureCode.CONFIGURATION, stage="request", detail="organisation_not_configured")
        key = (organisation_ods, interaction.id)
        asids = self._own.get(key)
        if asids is None:
            asids = await self._own_calls.run(key, partial(self._own_asids, organisation_ods, interaction))
            self._own.put(key, asids, _FOUND_SECONDS if len(asids) == 1 else _NOT_FOUND_SECONDS)
        if len(asids) != 1:
            raise Refused(FailureCode.CONFIGURATION, stage="sds", detail=f"own_asids={len(asids)}")
        (asid,) = asids
        return asid

    async def _own_asids(self, ods: str, interaction: Interaction) -> tuple[str, ...]:
        devices = await self._search("Device", ods, interaction, manufacturer=self._supplier_ods)
        return tuple({asid for device in devices for asid in _identifiers(device, _ASID_SYSTEM)})

    async def _search(
        self,
        resource: Literal["Endpoint", "Device"],
        ods: str,
        interaction: Interaction,
        *,
        party_key: str | None = None,
        manufacturer: str | None = None,
    ) -> list[dict[str, Any]]:
        search = _query(ods, interaction.id, party_key, manufacturer)
        if self._limiter is not None:
            await self._limiter.start()
        correlation_id = str(uuid.uuid4())
        answer = await self._upstream.call(
            "GET",
            f"{self._url}/{resource}?{search}",
            interaction=f"sds.{resource.casefold()}",
            trace_id=correlation_id,
            headers={
                "Accept": "application/fhir+json",
                "apikey": self._api_key(),
                "X-Correlation-ID": correlation_id,
            },
        )
        if answer.status != _OK:
            raise directory_error(answer, stage="sds")
        try:
            bundle, _ = loads(answer.body)
            return _resources(bundle, resource)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise Unavailable(FailureCode.SPINE_ERROR, stage="sds", detail="not_a_searchset") from None


@lru_cache(maxsize=_REMEMBERED)
def _query(ods: str, interaction: str, party_key: str | None, manufacturer: str | None) -> str:
    query = [
        ("organization", ODS_SYSTEM, ods),
        ("identifier", _INTERACTION_SYSTEM, interaction),
    ]
    if party_key is not None:
        query.append(("identifier", _PARTY_KEY_SYSTEM, party_key))
    if manufacturer is not None:
        query.append(("manufacturing-organization", ODS_SYSTEM, manufacturer))
    return "&".join(f"{name}={quote(f'{system}|{value}', safe='')}" for name, system, value in query)


def _missing(found: list[dict[str, Any]], endpoints: set[tuple[str, str]]) -> str:
    """What the directory lacks of a capability: only whoever maintains a record can complete it."""
    if endpoints:
        return "device_not_found"
    if any(not _identifiers(endpoint, _PARTY_KEY_SYSTEM) for endpoint in found):
        return "endpoint_without_party_key"
    return "endpoint_without_address" if found else "endpoint_not_found"


def _supplier(device: dict[str, Any]) -> str | None:
    """Who made a system, as its record says; decides nothing."""
    sent = device.get("extension")
    for extension in sent if isinstance(sent, list) else []:
        if isinstance(extension, dict) and extension.get("url") == _SUPPLIER_EXTENSION:
            reference = extension.get("valueReference")
            identifier = reference.get("identifier") if isinstance(reference, dict) else None
            value = identifier.get("value") if isinstance(identifier, dict) else None
            if isinstance(value, str) and _ODS_CODE.fullmatch(value):
                return value
    return None


def _resources(bundle: dict[str, Any], resource: str) -> list[dict[str, Any]]:
    if bundle["resourceType"] == "OperationOutcome":
        raise Unavailable(FailureCode.SPINE_ERROR, stage="sds", detail="operation_outcome http=200")
    if bundle["resourceType"] != "Bundle":
        raise ValueError
    found = [entry["resource"] for entry in bundle.get("entry", [])]
    return [item for item in found if item["resourceType"] == resource]


def _identifiers(resource: dict[str, Any], system: str) -> list[str]:
    """Values of one identifier system that can be one; several stand in any order."""
    sent = resource.get("identifier")
    found = (
        identifier.get("value")
        for identifier in (sent if isinstance(sent, list) else [])
        if isinstance(identifier, dict) and identifier.get("system") == system
    )
    return [value for value in found if isinstance(value, str) and _IDENTIFIER.fullmatch(value)]
