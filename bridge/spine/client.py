"""Everything of Spine, opened and closed together."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal, Self, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bridge.errors import FailureCode, Misconfigured, Stage
from bridge.settings import Settings
from bridge.spine.http import Limits, Upstream
from bridge.spine.limiter import RateLimiter
from bridge.spine.oauth import AccessTokens
from bridge.spine.pds import Pds
from bridge.spine.proxy import Proxy
from bridge.spine.sds import Sds
from bridge.spine.tls import directory_context, spine_context
from bridge.spine.tokens import TokenIssuer

_DISTRIBUTION = "gpconnect-bridge"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Spine:
    """The clients of one worker: one pool of connections per upstream, shared by all its requests."""

    pds: Pds
    sds: Sds
    proxy: Proxy

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[Self]:
        """Build the clients from the settings, and close their connections at the end.

        Raises:
            Misconfigured: a setting is missing, or a file is not what it should be.
        """
        limits = Limits.of(settings)
        tls = directory_context(settings.spine)
        async with AsyncExitStack() as stack:

            def directory(name: Literal["pds", "sds"]) -> Upstream:
                upstream = Upstream(
                    name,
                    stage=name,
                    timeout_code=FailureCode.SPINE_ERROR,
                    fault_code=FailureCode.SPINE_ERROR,
                    limits=limits,
                    tls=tls,
                )
                stack.push_async_callback(upstream.aclose)
                return upstream

            pds = _pds(directory("pds"), settings)
            sds = Sds(
                directory("sds"),
                url=_needed(settings.sds.url, "BRIDGE_SDS_URL"),
                api_key=_needed(settings.sds_api_key, "BRIDGE_SDS_API_KEY or BRIDGE_SDS_API_KEY_FILE"),
                supplier_ods=_needed(settings.consumer.supplier_ods, "BRIDGE_CONSUMER_SUPPLIER_ODS"),
                organisations=settings.consumer.organisations,
            )
            practices = _practices(settings, limits)
            stack.push_async_callback(practices.aclose)
            proxy = Proxy(
                practices,
                issuer=_issuer(settings),
                url=settings.ssp.url,
                allowed_hosts=settings.spine.allowed_hosts,
                plain_http=settings.sandbox,
            )
            yield cls(pds=pds, sds=sds, proxy=proxy)


def _pds(upstream: Upstream, settings: Settings) -> Pds:
    tokens = AccessTokens(
        upstream,
        token_url=_needed(settings.pds.token_url, "BRIDGE_PDS_TOKEN_URL"),
        client_id=_needed(settings.pds.client_id, "BRIDGE_PDS_CLIENT_ID"),
        key=_private_key(_needed(settings.pds.key_file, "BRIDGE_PDS_KEY_FILE")),
        key_id=_needed(settings.pds.key_id, "BRIDGE_PDS_KEY_ID"),
    )
    return Pds(
        upstream,
        url=_needed(settings.pds.url, "BRIDGE_PDS_URL"),
        tokens=tokens,
        limiter=RateLimiter(settings.pds.rate_per_second),
    )


def _practices(settings: Settings, limits: Limits) -> Upstream:
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
        limits=limits,
        tls=spine_context(settings.spine),
    )


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
        key = load_pem_private_key(file.read_bytes(), password=None)
    except (ValueError, TypeError, OSError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise Misconfigured("BRIDGE_PDS_KEY_FILE: is not an RSA private key in PEM without a password")
    return key


def _needed(value: _T | None, name: str) -> _T:
    if value is None:
        raise Misconfigured(f"{name}: is required")
    return value
