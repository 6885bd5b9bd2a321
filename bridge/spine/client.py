"""The clients of Spine's services, opened and closed together."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal, NamedTuple, Self, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bridge.credentials.reload import Reloaded
from bridge.credentials.tls import CertificateFact
from bridge.errors import FailureCode, Misconfigured, Stage
from bridge.settings import Settings, SpineSettings
from bridge.spine.bulkhead import Blame, Bulkhead, BulkheadFacts, Policy, PracticeBulkheads
from bridge.spine.clock import ClockSkew
from bridge.spine.http import Limits, Upstream
from bridge.spine.limiter import RateLimiter
from bridge.spine.oauth import AccessTokens
from bridge.spine.pds import Pds
from bridge.spine.proxy import Proxy
from bridge.spine.sds import Sds
from bridge.spine.tls import (
    certificate_facts,
    directory_context,
    spine_context,
    spine_files,
)
from bridge.spine.tokens import TokenIssuer, is_sound
from bridge.values import dataclass

_DISTRIBUTION = "gpconnect-bridge"
_SILENT_SHARE: Final = 0.04
"""Of the worker's slots: as much as a practice may hold from which nothing comes back."""
_T = TypeVar("_T")


class _Contexts(NamedTuple):
    spine: ssl.SSLContext
    directories: ssl.SSLContext


@dataclass(frozen=True, slots=True)
class _Tls:
    """The two contexts, made anew together when one of their files changes."""

    contexts: Callable[[], _Contexts]
    certificates: tuple[CertificateFact, ...]


@dataclass(frozen=True, slots=True)
class Spine:
    """The clients of one worker: one pool of connections per upstream, shared by all its requests."""

    pds: Pds
    sds: Sds
    proxy: Proxy
    _tls: Reloaded[_Tls]
    _upstreams: tuple[Upstream, ...]
    _practice_bulkheads: PracticeBulkheads
    _skew: ClockSkew

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[Self]:
        """Build the clients from the settings, and close their connections at the end.

        Raises:
            Misconfigured: a setting is missing, or a file is not what it should be.
        """
        tls = Reloaded("spine_tls", spine_files(settings.spine), partial(_make_tls, settings.spine))
        skew = ClockSkew()
        pds, sds = _directory("pds", settings, tls, skew), _directory("sds", settings, tls, skew)
        practices = _practices(settings, tls)
        bulkheads = PracticeBulkheads(_practice_policy(settings))
        async with AsyncExitStack() as stack:
            for upstream in (pds, sds, practices):
                stack.push_async_callback(upstream.aclose)
            yield cls(
                pds=_pds(pds, settings),
                sds=_sds(sds, settings),
                proxy=Proxy(
                    practices,
                    issuer=_issuer(settings),
                    url=settings.ssp.url,
                    allowed_hosts=settings.spine.allowed_hosts,
                    plain_http=settings.sandbox,
                    bulkheads=bulkheads,
                    limiter=_limiter(settings.ssp.rate_per_second),
                ),
                _tls=tls,
                _upstreams=(pds, sds, practices),
                _practice_bulkheads=bulkheads,
                _skew=skew,
            )

    def bulkheads(self) -> list[BulkheadFacts]:
        """The national services, then every practice called since the start."""
        national = [upstream.bulkhead.facts() for upstream in self._upstreams if upstream.bulkhead]
        return [*national, *self._practice_bulkheads.facts()]

    def certificates(self) -> list[CertificateFact]:
        """Until when the certificates and the revocation list that are in use can be used."""
        return list(self._tls().certificates)

    def clock_skew(self) -> float | None:
        """Seconds that our clock is ahead of PDS's and SDS's; None before their first answer."""
        return self._skew.seconds()


def _make_tls(spine: SpineSettings) -> _Tls:
    contexts = cache(lambda: _Contexts(spine_context(spine), directory_context(spine)))
    if any(spine_files(spine)):
        contexts()  # every fault of a file is told now; without files the first call over TLS is soon enough
    return _Tls(contexts, certificate_facts(spine))


def _directory(
    name: Literal["pds", "sds"], settings: Settings, tls: Reloaded[_Tls], skew: ClockSkew
) -> Upstream:
    code = FailureCode.SPINE_ERROR
    blame = Blame(codes=frozenset({code}), statuses=True, silent=code, failing=code, stage=name)
    return Upstream(
        name,
        stage=name,
        timeout_code=code,
        fault_code=code,
        limits=Limits.of(settings),
        tls=lambda: tls().contexts().directories,
        bulkhead=Bulkhead(name, _circuit_only(settings), blame),
        skew=skew,
    )


def _pds(upstream: Upstream, settings: Settings) -> Pds:
    key_file = _needed(settings.pds.key_file, "BRIDGE_PDS_KEY_FILE")
    tokens = AccessTokens(
        upstream,
        token_url=_needed(settings.pds.token_url, "BRIDGE_PDS_TOKEN_URL"),
        client_id=_needed(settings.pds.client_id, "BRIDGE_PDS_CLIENT_ID"),
        key=Reloaded("pds_key", [key_file], partial(_private_key, key_file)),
        key_id=_needed(settings.pds.key_id, "BRIDGE_PDS_KEY_ID"),
    )
    return Pds(
        upstream,
        url=_needed(settings.pds.url, "BRIDGE_PDS_URL"),
        tokens=tokens,
        limiter=RateLimiter(settings.pds.rate_per_second),
    )


def _sds(upstream: Upstream, settings: Settings) -> Sds:
    def api_key() -> str:
        return _needed(settings.sds_api_key or None, "BRIDGE_SDS_API_KEY or BRIDGE_SDS_API_KEY_FILE")

    return Sds(
        upstream,
        url=_needed(settings.sds.url, "BRIDGE_SDS_URL"),
        api_key=Reloaded("sds_api_key", [settings.sds.api_key_file], api_key),
        supplier_ods=_needed(settings.consumer.supplier_ods, "BRIDGE_CONSUMER_SUPPLIER_ODS"),
        organisations=settings.consumer.organisations,
        limiter=_limiter(settings.sds.rate_per_second),
    )


def _practices(settings: Settings, tls: Reloaded[_Tls]) -> Upstream:
    """Behind the proxy, silence is the practice's and a broken connection the proxy's."""
    name: Literal["ssp", "practice"]
    stage: Stage
    name, stage, fault = (
        ("ssp", "spine", FailureCode.SPINE_ERROR)
        if settings.ssp.url
        else ("practice", "provider", FailureCode.PROVIDER_ERROR)
    )
    return Upstream(
        name,
        stage=stage,
        timeout_code=FailureCode.PROVIDER_TIMEOUT,
        fault_code=fault,
        limits=Limits.of(settings),
        tls=lambda: tls().contexts().spine,
        bulkhead=_proxy_bulkhead(settings),
    )


def _proxy_bulkhead(settings: Settings) -> Bulkhead | None:
    """None without a proxy: then there is no server that all practices have in common."""
    if settings.ssp.url is None:
        return None
    code = FailureCode.SPINE_ERROR
    blame = Blame(codes=frozenset({code}), statuses=False, silent=code, failing=code, stage="spine")
    return Bulkhead("ssp", _circuit_only(settings), blame)


def _circuit_only(settings: Settings) -> Policy:
    """A national service has as many connections as there are requests, and a limiter that waits."""
    return Policy(failures=settings.spine.circuit_failures, pause=settings.spine.circuit_pause)


def _practice_policy(settings: Settings) -> Policy:
    spine = settings.spine
    return Policy(
        failures=spine.circuit_failures,
        pause=spine.circuit_pause,
        concurrency=spine.practice_concurrency,
        per_second=spine.practice_rate_per_second,
        silent_concurrency=max(2, round(settings.bus.concurrency * _SILENT_SHARE)),
        silent_after=spine.practice_patience,
    )


def _limiter(per_second: float | None) -> RateLimiter | None:
    return None if per_second is None else RateLimiter(per_second)


def _issuer(settings: Settings) -> TokenIssuer:
    consumer = settings.consumer
    return TokenIssuer(
        endpoint_url=_needed(consumer.endpoint_url, "BRIDGE_CONSUMER_ENDPOINT_URL"),
        identifier_system=_needed(consumer.identifier_system, "BRIDGE_CONSUMER_IDENTIFIER_SYSTEM"),
        device_id=_needed(consumer.device_id, "BRIDGE_CONSUMER_DEVICE_ID"),
        product=consumer.product,
        version=version(_DISTRIBUTION),
    )


def _private_key(file: Path) -> RSAPrivateKey:
    try:
        # Whether its factors are prime takes a twentieth of a start to see, and nobody else writes this file.
        key = load_pem_private_key(file.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, OSError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise Misconfigured("BRIDGE_PDS_KEY_FILE: is not an RSA private key in PEM without a password")
    if not is_sound(key):
        raise Misconfigured("BRIDGE_PDS_KEY_FILE: the key is damaged, it cannot sign")
    return key


def _needed(value: _T | None, name: str) -> _T:
    if value is None:
        raise Misconfigured(f"{name}: is required")
    return value
