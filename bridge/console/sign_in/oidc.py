"""Sign-in by an OpenID provider: the code flow with PKCE, state and nonce; roles out of a claim.

Authlib does the protocol: it fetches the provider's metadata and keys, and checks signature, issuer,
audience, times and nonce of the ID token. The provider's certificate is always verified.
"""

import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from functools import partial
from typing import Any, Final

import httpx
from joserfc.errors import JoseError
from starlette.requests import Request

from bridge.console.rights import Role
from bridge.console.sessions import User
from bridge.credentials.known import provider_files
from bridge.credentials.reload import Reloaded
from bridge.credentials.tls import TlsFiles
from bridge.settings import Settings

with warnings.catch_warnings():
    # It speaks of a successor of httpx that nothing else here uses; its own rule of warnings is made first.
    import authlib.deprecate  # type: ignore[import-untyped]  # it has no types

    warnings.simplefilter("ignore", authlib.deprecate.AuthlibDeprecationWarning)
    from authlib.integrations.starlette_client import OAuth, OAuthError  # type: ignore[import-untyped]  # it has no types

CALLBACK: Final = "/sign-in/oidc/callback"
_TIMEOUT: Final = 10.0
"""Seconds of each question to the provider."""
_LONGEST: Final = 200
"""Characters of a claim that names somebody."""


class SignInRefused(Exception):  # noqa: N818 - what the case is
    """The provider, or what it says, does not let this user in; `reason` is a code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OpenIdProvider:
    """The provider of the settings, with all of ``BRIDGE_CONSOLE_OIDC_…``, whose files may be replaced.

    Args:
        settings: of the installation.
        url: of the console, as browsers reach it.
    """

    def __init__(self, settings: Settings, url: str) -> None:
        console = settings.console
        self._issuer = (console.oidc_issuer or "").rstrip("/")
        self._client_id = console.oidc_client_id
        self._redirect_uri = f"{url}{CALLBACK}"
        self._user_claim = console.oidc_user_claim
        self._roles_claim = console.oidc_roles_claim
        self._roles = dict(_mapping(console.oidc_roles))
        tls = provider_files(console)
        files = (tls.ca, tls.cert, tls.key, console.oidc_client_secret_file)
        make = partial(_client, settings, self._issuer, tls)
        self._client: Reloaded[Any] = Reloaded("console_oidc", files, make)

    async def begin(self, request: Request, visit: MutableMapping[str, Any]) -> str:
        """Where the browser goes to sign in; `visit` is to be kept until it comes back.

        Raises:
            SignInRefused: the provider is away, or is none.
        """
        request.scope["session"] = visit
        client = self._client()
        try:
            metadata = await client.load_server_metadata()
            if str(metadata.get("issuer", "")).rstrip("/") != self._issuer:
                raise SignInRefused("other_issuer")
            answer = await client.authorize_redirect(request, self._redirect_uri)
        except (httpx.HTTPError, OAuthError, ValueError, RuntimeError):
            raise SignInRefused("provider_unavailable") from None
        return str(answer.headers["location"])

    async def end(self, request: Request, visit: MutableMapping[str, Any]) -> User:
        """Who came back from the provider.

        Raises:
            SignInRefused: not from this sign-in, not signed by the provider, or without a role here.
        """
        request.scope["session"] = visit
        if not any(key.endswith(f"_{request.query_params.get('state')}") for key in visit):
            raise SignInRefused("other_sign_in")
        client = self._client()
        try:
            metadata = (
                await client.load_server_metadata()
            )  # it is another client when a file was replaced meanwhile
            expected: Mapping[str, Mapping[str, Any]] = {
                "iss": {"values": [metadata.get("issuer")]},
                "aud": {"essential": True, "value": self._client_id},
            }
            token = await client.authorize_access_token(request, claims_options=expected)
        except OAuthError as fault:
            raise SignInRefused("denied" if fault.error == "access_denied" else "not_accepted") from None
        except (httpx.HTTPError, JoseError, ValueError, TypeError, RuntimeError, KeyError):
            raise SignInRefused("not_accepted") from None
        claims = token.get("userinfo")
        if not claims:
            raise SignInRefused("not_accepted")
        return self._user(claims)

    def _user(self, claims: Mapping[str, Any]) -> User:
        identity = claims.get(self._user_claim)
        if not isinstance(identity, str) or not identity.strip():
            raise SignInRefused("no_user_claim")
        roles = frozenset(
            self._roles[value] for value in _values(claims, self._roles_claim) if value in self._roles
        )
        if not roles:
            raise SignInRefused("no_role")
        name = claims.get("name") or claims.get("preferred_username") or identity
        given, family = (_said(claims.get(part)) for part in ("given_name", "family_name"))
        return User(
            identity[:_LONGEST],
            str(name)[:_LONGEST],
            roles,
            is_local=False,
            given_name=given,
            family_name=family,
        )


def _client(settings: Settings, issuer: str, tls: TlsFiles) -> Any:  # its library has no types
    return OAuth().register(
        "console",
        server_metadata_url=f"{issuer}/.well-known/openid-configuration",
        client_id=settings.console.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        client_kwargs={
            "scope": settings.console.oidc_scope,
            "code_challenge_method": "S256",
            "timeout": _TIMEOUT,
            "verify": tls.client(),
            "trust_env": False,
        },
    )


def role_faults(settings: Settings) -> list[str]:
    """What is wrong with the mapping of roles."""
    try:
        mapping = dict(_mapping(settings.console.oidc_roles))
    except ValueError:
        return [f"BRIDGE_CONSOLE_OIDC_ROLES: must be value=role, with commas; roles are {', '.join(Role)}"]
    return [] if mapping else ["BRIDGE_CONSOLE_OIDC_ROLES: is required with BRIDGE_CONSOLE_OIDC_ISSUER"]


def _mapping(pairs: tuple[str, ...]) -> Iterator[tuple[str, Role]]:
    for pair in pairs:
        value, separator, role = pair.rpartition("=")
        if not (separator and value):
            raise ValueError(pair)
        yield value.strip(), Role(role.strip())


def _said(claim: object) -> str | None:
    """A name of a person, if it is one."""
    return claim.strip()[:_LONGEST] or None if isinstance(claim, str) else None


def _values(claims: Mapping[str, Any], path: str) -> Iterator[str]:
    """The values of a claim: a list, or one; by its whole name, else along the dots."""
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for part in path.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    listed = found if isinstance(found, list) else [found]
    yield from (value for value in listed if isinstance(value, str))
