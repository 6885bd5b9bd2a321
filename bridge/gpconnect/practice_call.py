"""One practice as one person asks it: where it is, and what its answers amount to."""

import hashlib
from collections.abc import Callable, Hashable, MutableMapping
from dataclasses import field
from functools import partial
from typing import Final, NamedTuple

import orjson

from bridge.contracts.requests import Requester
from bridge.errors import RequestFailed, ResponseInvalid
from bridge.fhir.parsing import loads
from bridge.fhir.read import JsonObject
from bridge.gpconnect.answer import MEDIA_TYPES
from bridge.gpconnect.capability import Capability, StatementKind, read_capability
from bridge.gpconnect.errors import DirectoryStale, error_for
from bridge.gpconnect.ids import ResourceId, ResourceKind
from bridge.observe import record
from bridge.observe.vocabulary.upstreams import PracticeMoved
from bridge.spine import Spine
from bridge.spine.http import Answer, Receiver
from bridge.spine.interactions import Interaction
from bridge.spine.proxy import ProxyAnswer, Sender
from bridge.spine.sds import PracticeEndpoint
from bridge.values import dataclass

OK: Final = frozenset({200})
CapabilitiesSaid = MutableMapping[tuple[str, str], Capability]
ErrorFor = Callable[[Answer], RequestFailed | None]
"""What an error answer means to one operation; None leaves it to what it means to all."""


@dataclass(frozen=True, slots=True)
class PracticeCall:
    """Asks one practice, for one request.

    Attributes:
        spine: the open clients.
        practice_ods: who is asked.
        requested_by: the real user and organisation.
        encounter: requests of one encounter share directory look-ups (SP-014); None shares nothing.
        capabilities: takes what practices say they are, by practice and interaction.
    """

    spine: Spine = field(repr=False)
    practice_ods: str
    requested_by: Requester = field(repr=False)
    encounter: Hashable = field(default=None, repr=False)
    capabilities: CapabilitiesSaid = field(default_factory=dict, repr=False)
    _directory: dict[str, PracticeEndpoint] = field(default_factory=dict, repr=False)

    async def ask(
        self,
        interaction: Interaction,
        *,
        target: str | None = None,
        nhs_number: str | None = None,
        version: str | None = None,
        body: bytes = b"",
        success: frozenset[int] = OK,
        error: ErrorFor | None = None,
        receiver: Receiver | None = None,
    ) -> ProxyAnswer:
        """Make one call, and once more where the directory turned out to be out of date.

        A failure names the practice, also where it was not called, as when the directory has none.

        Args:
            interaction: what is asked.
            target: from `Interaction.target`, where its path is not all of it.
            nhs_number: whose record it is about, for tokens of version 0.
            version: for `If-Match`.
            body: FHIR JSON.
            success: the statuses that mean it.
            error: what this operation makes of an error answer.
            receiver: takes the body of an answer of success as it comes.

        Returns:
            An answer of success, in FHIR JSON by its header.

        Raises:
            Refused: the practice, the proxy, a directory or this installation says no.
            ResponseInvalid: neither success nor error.
            Unavailable: no answer now.
        """
        try:
            asid = await self.spine.sds.own_asid(self.requested_by.organisation.ods_code, interaction)
            ask = partial(
                self.spine.proxy.call,
                interaction=interaction,
                sender=Sender(asid, self.requested_by),
                target=target,
                nhs_number=nhs_number,
                version=version,
                body=body,
                receiver=receiver,
            )
            try:
                return _accepted(await ask(await self.endpoint(interaction)), success, error)
            except DirectoryStale as stale:  # the proxy refused it, so nothing reached the practice
                record(PracticeMoved(self.practice_ods, stale.detail))
            return _accepted(await ask(await self.endpoint(interaction, fresh=True)), success, error)
        except RequestFailed as failure:
            failure.practice_ods = self.practice_ods
            raise

    async def capability(
        self, interaction: Interaction, kind: StatementKind = "CapabilityStatement"
    ) -> Capability:
        """Ask what the practice's system is.

        Raises:
            Refused, ResponseInvalid, Unavailable: as `ask`; what came is no such statement.
        """
        said = read_capability((await self.ask(interaction)).answer.body, kind)
        self.capabilities[self.practice_ods, interaction.id] = said
        return said

    async def endpoint(self, interaction: Interaction, *, fresh: bool = False) -> PracticeEndpoint:
        """Where the practice is: looked up once for each interaction of a request (AP-001, FN-001).

        Raises:
            Refused: the directory has none, or no single one.
            Unavailable: the directory cannot answer now.
        """
        if fresh or interaction.id not in self._directory:
            self._directory[interaction.id] = await self.spine.sds.practice(
                self.practice_ods, interaction, encounter=self.encounter, fresh=fresh
            )
        return self._directory[interaction.id]

    def here(self, known: ResourceId, kind: ResourceKind) -> str:
        """The logical id, for use at this practice.

        Raises:
            ValueError: it is another practice's, or of another type: the caller is at fault.
        """
        if known.practice_ods != self.practice_ods or known.kind != kind:
            raise ValueError(
                f"a {known.kind} of {known.practice_ods} is no {kind} of {self.practice_ods}: ids are local"
            )
        return known.id


def _accepted(call: ProxyAnswer, success: frozenset[int], error: ErrorFor | None) -> ProxyAnswer:
    answer = call.answer
    if answer.status not in success:
        raise (error and error(answer)) or error_for(answer, body_sha256=body_sha256(answer))
    # "application/fhir+json;charset=UTF-8" and every other spelling of the parameters.
    if answer.headers.get("content-type", "").partition(";")[0].strip().casefold() not in MEDIA_TYPES:
        kept = answer.body or not answer.received  # of what a receiver took, nothing is known here
        named = body_sha256(answer) if kept else None
        raise ResponseInvalid(stage="provider", detail="content_type", body_sha256=named)
    return call


class SentResource(NamedTuple):
    """The resource in an answer of success.

    Attributes:
        resource: as it came.
        issues: issue codes of what was mended to read the answer (`bridge.fhir.parsing`).
    """

    resource: JsonObject
    issues: tuple[str, ...]


def resource_of(answer: Answer) -> SentResource:
    """The resource in an answer of success.

    Raises:
        ResponseInvalid: there is none.
    """
    try:
        resource, mended = loads(answer.body)
    except orjson.JSONDecodeError:
        resource, mended = None, ()
    if not isinstance(resource, dict):
        raise ResponseInvalid(stage="provider", detail="not_json", body_sha256=body_sha256(answer))
    return SentResource(resource, mended)


class Searchset(NamedTuple):
    """An answer to a search.

    Attributes:
        found: the resources of the type that was searched for; none is an answer too (FN-016).
        issues: issue codes of what was mended to read the answer (`bridge.fhir.parsing`).
    """

    found: list[JsonObject]
    issues: tuple[str, ...]


def searchset_of(answer: Answer, kind: ResourceKind) -> Searchset:
    """The resources of one type in a searchset.

    Raises:
        ResponseInvalid: it is no Bundle.
    """
    bundle, mended = resource_of(answer)
    if bundle.get("resourceType") != "Bundle":
        raise ResponseInvalid(stage="provider", detail="not_a_bundle", body_sha256=body_sha256(answer))
    return Searchset(entries(bundle, kind), mended)


def entries(bundle: JsonObject, kind: ResourceKind) -> list[JsonObject]:
    """The resources of one type in a Bundle; `fullUrl` is never looked at (SP-097)."""
    sent = bundle.get("entry")
    found = (
        [each.get("resource") for each in sent if isinstance(each, dict)] if isinstance(sent, list) else []
    )
    return [each for each in found if isinstance(each, dict) and each.get("resourceType") == kind]


def body_sha256(answer: Answer) -> str:
    """Identifies an answer in the log."""
    return hashlib.sha256(answer.body).hexdigest()
