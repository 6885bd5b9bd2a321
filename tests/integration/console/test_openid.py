"""Sign-in by a real OpenID provider, over HTTP: who is let in, as what, and who is not."""

import asyncio
import re
import shutil
import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr
from starlette.requests import Request

from bridge.console.sign_in.oidc import OpenIdProvider, SignInRefused
from bridge.operations.surroundings import sign_in_provider
from bridge.settings import ConsoleSettings, Settings
from tests.integration.operations.test_surroundings import provider
from tests.support.certificates import Authority, Issued
from tests.support.console import ConsoleSite, console_site

with warnings.catch_warnings():
    # The provider of these tests uses a module that its own library calls old.
    import authlib.deprecate  # type: ignore[import-untyped]  # it has no types

    warnings.simplefilter("ignore", authlib.deprecate.AuthlibDeprecationWarning)
    import oidc_provider_mock  # type: ignore[import-untyped]  # it has no types

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


PERSON = {"given_name": "Olga", "family_name": "Test"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    folder: Path = tmp_path_factory.mktemp("openid")
    users = [
        oidc_provider_mock.User(
            sub="u-1", claims={"name": "Olga P", **PERSON, "realm_access": {"roles": ["night-shift"]}}
        ),
        oidc_provider_mock.User(sub="u-2", claims={"realm_access": {"roles": ["canteen"]}}),
    ]
    with oidc_provider_mock.run_server_in_thread(user_claims=users) as provider:
        yield from _with(folder, f"http://localhost:{provider.server_port}")


def _with(folder: Path, issuer: str) -> Iterator[ConsoleSite]:
    settings = {
        "BRIDGE_CONSOLE_OIDC_ISSUER": issuer,
        "BRIDGE_CONSOLE_OIDC_CLIENT_ID": "bridge-console",
        "BRIDGE_CONSOLE_OIDC_CLIENT_SECRET": "for this test alone",
        "BRIDGE_CONSOLE_OIDC_ROLES_CLAIM": "realm_access.roles",
        "BRIDGE_CONSOLE_OIDC_ROLES": "night-shift=operator",
    }
    with console_site(folder, **settings) as started:
        yield started


def returned(client: httpx.Client, sub: str) -> str:
    """Where the provider sends the browser back to, once somebody has signed in there."""
    begun = client.get("/sign-in/oidc")
    asked = parse_qs(urlsplit(begun.headers["location"]).query)
    assert (asked["response_type"], asked["code_challenge_method"]) == (["code"], ["S256"])
    assert asked["state"]
    assert asked["nonce"]
    with httpx.Client(trust_env=False) as browser:
        return browser.post(begun.headers["location"], data={"sub": sub}).headers["location"]


def test_whoever_has_a_role_is_let_in_as_that(site: ConsoleSite):
    with site.client() as client:
        answer = client.get(returned(client, "u-1"))
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        page = client.get("/").text
        assert re.search(r"Olga P · operator", page)
        assert client.get("/audit").status_code == 403
        assert "The practice is told that Olga Test asks." in client.get("/practice?ods=A99001").text


def test_whoever_has_none_is_not(site: ConsoleSite):
    with site.client() as client:
        answer = client.get(returned(client, "u-2"))
        assert answer.status_code == 403
        assert "have no role here" in answer.text
        assert client.get("/").status_code == 303


def test_an_answer_of_another_sign_in_or_used_twice_is_not_taken(site: ConsoleSite):
    with site.client() as client, site.client() as victim:
        back = returned(client, "u-1")
        assert victim.get(back).status_code == 403
        assert client.get(back).status_code == 303
        assert client.get(back).status_code == 403
        altered = returned(client, "u-1").replace("state=", "state=x")
        assert client.get(altered).status_code == 403


async def test_a_provider_that_wants_a_certificate_is_shown_the_one_that_is_there_now(tmp_path: Path):
    authority, other = Authority(tmp_path), Authority(tmp_path, "Other Root CA")
    server = authority.issue("provider", hosts=("localhost",))
    secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secured.load_cert_chain(server.cert_file, server.key_file)
    secured.load_verify_locations(authority.ca_file)
    secured.verify_mode = ssl.CERT_REQUIRED
    ours = {"oidc_cert_file": tmp_path / "our.crt", "oidc_key_file": tmp_path / "our.key"}

    def show(issued: Issued) -> None:
        shutil.copyfile(issued.cert_file, ours["oidc_cert_file"])
        shutil.copyfile(issued.key_file, ours["oidc_key_file"])

    async with provider(tls=secured) as issuer:
        show(other.issue("console"))
        settings = Settings(
            console=ConsoleSettings(
                oidc_issuer=issuer,
                oidc_ca_file=authority.ca_file,
                oidc_client_id="bridge-console",
                oidc_client_secret=SecretStr("for this test alone"),
                **ours,
            )
        )
        openid = OpenIdProvider(settings, "https://console.example")

        async def begun() -> str:
            try:
                return await openid.begin(Request({"type": "http", "headers": []}), {})
            except SignInRefused as refused:
                return refused.reason

        assert await begun() == "provider_unavailable"
        [told] = await sign_in_provider(settings)
        assert not told.is_good
        show(authority.issue("console"))
        [told] = await sign_in_provider(settings)
        assert "answers; its certificate expires" in told.detail
        while not (await begun()).startswith(f"{issuer}/authorization_endpoint?"):
            await asyncio.sleep(0.1)
