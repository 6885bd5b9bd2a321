"""Access tokens for the national APIs: OAuth2 client credentials with a signed assertion (RFC 7523)."""

import time
import uuid
from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from bridge.errors import FailureCode, Refused, Unavailable
from bridge.spine.http import Answer, Upstream
from bridge.spine.outcomes import directory_error
from bridge.spine.single_flight import SingleFlight
from bridge.spine.tokens import signed

_ASSERTION_LIFETIME: Final = 300
_EARLY: Final = 30.0
"""Seconds before its expiry that a token is no longer used, so that none expires on its way."""
_OK: Final = 200


class AccessTokens:
    """One token for all calls, renewed once shortly before it expires, however many wait for it.

    Args:
        upstream: the server of the token endpoint.
        token_url: the token endpoint; audience of the assertion.
        client_id: API key of the application.
        key: gives its private key, which may be another one for the next token.
        key_id: `kid` under which the public key is registered.
    """

    def __init__(
        self,
        upstream: Upstream,
        *,
        token_url: str,
        client_id: str,
        key: Callable[[], RSAPrivateKey],
        key_id: str,
    ) -> None:
        self._upstream = upstream
        self._token_url = token_url
        self._client_id = client_id
        self._key = key
        self._key_id = key_id
        self._token = ""
        self._usable_until = 0.0
        self._fetches = SingleFlight[str, None]()

    async def current(self) -> str:
        """A token that can be used now.

        Raises:
            Refused: the application is not known there, or its key is not.
            Unavailable: no token can be had now.
        """
        if time.monotonic() < self._usable_until:
            return self._token
        return await self.renewed(self._token)

    async def renewed(self, refused: str) -> str:
        """Another token than `refused`. Whoever comes while one is being fetched gets that one."""
        if self._token == refused:
            await self._fetches.run(self._token_url, self._fetch)
        return self._token

    async def _fetch(self) -> None:
        trace_id = str(uuid.uuid4())
        started = time.monotonic()
        answer = await self._upstream.call(
            "POST",
            self._token_url,
            interaction="oauth2.token",
            trace_id=trace_id,
            headers={
                "Accept": "application/json",
                "Content-Type": "application/x-www-form-urlencoded",
                "X-Request-ID": trace_id,
            },
            content=urlencode(
                {
                    "grant_type": "client_credentials",
                    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                    "client_assertion": self._assertion(),
                }
            ).encode(),
        )
        self._token, lifetime = _read(answer)
        self._usable_until = started + lifetime - _EARLY

    def _assertion(self) -> str:
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": self._token_url,
            "jti": str(uuid.uuid4()),
            "exp": int(time.time()) + _ASSERTION_LIFETIME,
        }
        return signed(claims, self._key(), key_id=self._key_id)


def _read(answer: Answer) -> tuple[str, float]:
    """The token and its lifetime in seconds, which comes as a number or as text."""
    if answer.status != _OK:
        if answer.status in (400, 401, 403):  # RFC 6749 §5.2: nothing but the registration helps
            raise Refused(FailureCode.CONFIGURATION, stage="pds", detail=f"token http={answer.status}")
        raise directory_error(answer, stage="pds")
    try:
        token = orjson.loads(answer.body)
        return str(token["access_token"]), float(token["expires_in"])
    except (ValueError, TypeError, KeyError):
        raise Unavailable(FailureCode.SPINE_ERROR, stage="pds", detail="token_unreadable") from None
