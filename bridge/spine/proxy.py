"""Spine Secure Proxy: every call to a practice goes through it, byte for byte as the directory says."""

import re
import time
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from bridge.contracts.requests import Requester
from bridge.errors import FailureCode, Refused
from bridge.spine.bulkhead import PracticeBulkheads
from bridge.spine.http import Answer, Receiver, Upstream
from bridge.spine.interactions import FhirVersion, Interaction
from bridge.spine.limiter import RateLimiter
from bridge.spine.sds import PracticeEndpoint
from bridge.spine.tokens import TokenIssuer, organisation_record, patient_record
from bridge.values import dataclass

MEDIA_TYPES: Final[Mapping[FhirVersion, str]] = MappingProxyType(
    {"STU3": "application/fhir+json;charset=utf-8", "DSTU2": "application/json+fhir;charset=utf-8"}
)
"""JSON of each version (SP-100): not every practice speaks XML, and none must be asked which (HT-035)."""

# Scheme, host, perhaps a port, and a path of RFC 3986 characters. No user info, query or fragment, and
# nothing that could end the request line: the address comes from outside.
_SERVICE_ROOT = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?")

_LONGEST_ROOT: Final = 1000
_LONGEST_TOKEN: Final = 8000
"""Characters. Servers take 8 KiB as one header line; a usual token has about 1,500."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who asks.

    Attributes:
        asid: from `Sds.own_asid`, of the organisation of `requested_by`.
        requested_by: the real user and organisation.
    """

    asid: str
    requested_by: Requester


@dataclass(frozen=True, slots=True)
class ProxyAnswer:
    """What the practice, or the proxy in its place, answered.

    Attributes:
        answer: status, headers and body.
        trace_id: `Ssp-TraceID` of this attempt.
        supplier_ods: who made the practice's system, where the directory says so.
    """

    answer: Answer
    trace_id: str
    supplier_ods: str | None = None


class Proxy:
    """Calls practices through the proxy.

    Args:
        upstream: the proxy's server; the practices' where no proxy is configured.
        issuer: makes the tokens.
        url: address of the proxy; None calls the practice directly, in tests only.
        allowed_hosts: ``host`` or ``*.domain`` that a service root may name.
        plain_http: whether a service root may be `http`: in the sandbox only.
        bulkheads: of the practices.
        limiter: shared by all calls; None sets no limit.
        clock: seconds since the epoch, UTC.
    """

    def __init__(
        self,
        upstream: Upstream,
        *,
        issuer: TokenIssuer,
        url: str | None,
        allowed_hosts: tuple[str, ...],
        plain_http: bool,
        bulkheads: PracticeBulkheads,
        limiter: RateLimiter | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._upstream = upstream
        self._issuer = issuer
        self._url = url.rstrip("/") if url else None
        self._allowed_hosts = tuple(host.casefold() for host in allowed_hosts)
        self._schemes = {"https", "http"} if plain_http else {"https"}
        self._bulkheads = bulkheads
        self._limiter = limiter
        self._clock = clock

    async def call(
        self,
        practice: PracticeEndpoint,
        interaction: Interaction,
        *,
        sender: Sender,
        target: str | None = None,
        nhs_number: str | None = None,
        version: str | None = None,
        body: bytes = b"",
        receiver: Receiver | None = None,
    ) -> ProxyAnswer:
        """Make one attempt. Each has its own trace id and its own token (SP-032, SP-061).

        Args:
            practice: from the directory.
            interaction: what is asked of it.
            sender: who asks.
            target: from `Interaction.target`, for one whose path has an id or a query. Never logged.
            nhs_number: whose record it is about; tokens of version 0 name it.
            version: `meta.versionId` of the resource that an update starts from, for `If-Match` (SP-093).
            body: FHIR JSON, or nothing.
            receiver: takes the body of an answer of success as it comes.

        Raises:
            Refused: the practice's address is not acceptable.
            HeldBack: this practice, or the proxy, is not called now.
            Unavailable: no complete answer came.
            ResponseInvalid: the answer is too large, or its encoding is broken.
        """
        url = join(self._checked(practice.service_root), target or interaction.path)
        if self._url is not None:
            url = f"{self._url}/{url}"
        if self._limiter is not None:
            await self._limiter.start()
        trace_id = str(uuid.uuid4())
        headers = {
            "Accept": MEDIA_TYPES[interaction.fhir],
            "Authorization": f"Bearer {self._token(practice, interaction, sender.requested_by, nhs_number)}",
            "Ssp-TraceID": trace_id,
            "Ssp-From": sender.asid,
            "Ssp-To": practice.asid,
            "Ssp-InteractionID": interaction.id,
        }
        if body:
            headers["Content-Type"] = MEDIA_TYPES[interaction.fhir]
        if version is not None:
            headers["If-Match"] = f'W/"{version}"'
        send = partial(
            self._upstream.call,
            interaction.method,
            url,
            interaction=interaction.id,
            trace_id=trace_id,
            headers=headers,
            content=body,
            practice_ods=practice.ods,
            receiver=receiver,
        )
        return ProxyAnswer(await self._bulkheads.of(practice.ods).run(send), trace_id, practice.supplier_ods)

    def _token(
        self,
        practice: PracticeEndpoint,
        interaction: Interaction,
        requested_by: Requester,
        nhs_number: str | None,
    ) -> str:
        scope, now = interaction.scope, int(self._clock())
        if interaction.fhir == "DSTU2":
            record = patient_record(nhs_number) if nhs_number else organisation_record(practice.ods)
            token = self._issuer.token_0(requested_by, requested_record=record, scope=scope, now=now)
        else:
            token = self._issuer.token(requested_by, audience=practice.service_root, scope=scope, now=now)
        if len(token) > _LONGEST_TOKEN:
            # Never sent: the proxy would cut the connection, and that would count against everybody's calls.
            raise Refused(
                FailureCode.CONFIGURATION, stage="spine", detail=f"token_too_long bytes={len(token)}"
            )
        return token

    def _checked(self, service_root: str) -> str:
        if len(service_root) > _LONGEST_ROOT or not _SERVICE_ROOT.fullmatch(service_root):
            raise Refused(FailureCode.CONFIGURATION, stage="sds", detail="service_root_malformed")
        parts = urlsplit(service_root)
        if parts.scheme not in self._schemes:
            raise Refused(FailureCode.CONFIGURATION, stage="sds", detail="service_root_not_https")
        host = (parts.hostname or "").casefold()
        if not any(_allows(pattern, host) for pattern in self._allowed_hosts):
            raise Refused(FailureCode.CONFIGURATION, stage="sds", detail="service_root_host_not_allowed")
        return service_root


def join(service_root: str, path: str) -> str:
    """The FHIR request under a service root, which stays as the directory has it (SP-031).

    Roots have no trailing slash by the specification and sometimes one in the directory.
    """
    return f"{service_root}{path}" if service_root.endswith("/") else f"{service_root}/{path}"


def _allows(pattern: str, host: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern
