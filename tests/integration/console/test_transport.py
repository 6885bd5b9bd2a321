"""How browsers come to the console outside the sandbox: by TLS of its own, or by the proxy that is named."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from bridge.console.rights import Role
from bridge.console.serving import console
from bridge.console.sign_in.users import put_user
from bridge.ledger.keys import create_ring
from bridge.settings import Settings
from tests.support import processes
from tests.support.certificates import Authority
from tests.support.console import PASSWORD
from tests.support.ports import free_port


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("transport")
    put_user(made / "users", "vera", [Role.VIEWER], PASSWORD)
    for name in ("vault.keys", "audit.keys"):
        create_ring(made / name)
    return made


def variables(folder: Path, console: Mapping[str, str]) -> dict[str, str]:
    """Of a console outside the sandbox, whose broker is away: nothing here asks it."""
    return {
        "BRIDGE_STATE_DIR": str(folder),
        "BRIDGE_BUS_URL": f"nats://127.0.0.1:{free_port()}",
        "BRIDGE_PATIENT_KEY": "00" * 32,
        "BRIDGE_VAULT_KEYS_FILE": str(folder / "vault.keys"),
        "BRIDGE_AUDIT_KEYS_FILE": str(folder / "audit.keys"),
        "BRIDGE_CONSOLE_USERS_FILE": str(folder / "users"),
        "BRIDGE_CONSOLE_PORT": str(free_port()),
    } | {f"BRIDGE_CONSOLE_{name}": value for name, value in console.items()}


@asynccontextmanager
async def served(
    folder: Path,
    own: Mapping[str, str],
    headers: Mapping[str, str] | None = None,
    verify: ssl.SSLContext | bool = True,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a console with these settings."""
    settings = Settings.load(environ=variables(folder, own))
    at = f"{'https' if 'CERT_FILE' in own else 'http'}://localhost:{settings.console.port}"
    async with (
        console(settings),
        httpx.AsyncClient(base_url=at, headers=headers, verify=verify, trust_env=False, timeout=30) as client,
    ):
        yield client


async def signed_in(client: httpx.AsyncClient) -> httpx.Response:
    """Sign in, with cookies sent by hand: behind a proxy the way is plain HTTP, and they are for TLS alone."""
    page = await client.get("/sign-in")
    form = {"token": page.text.partition('name="token" value="')[2].partition('"')[0]}
    cookie = {"cookie": page.headers["set-cookie"].partition(";")[0]}
    answer = await client.post("/sign-in", data=form | {"name": "vera", "password": PASSWORD}, headers=cookie)
    client.headers["cookie"] = answer.headers["set-cookie"].partition(";")[0]
    return answer


async def test_by_tls_its_cookies_are_of_this_host_alone(folder: Path):
    authority = Authority(folder)
    issued = authority.issue("console")
    trusting = ssl.create_default_context(cafile=authority.ca_file)
    files = {"CERT_FILE": str(issued.cert_file), "KEY_FILE": str(issued.key_file)}
    async with served(folder, files, verify=trusting) as client:
        shown = await client.get("/sign-in")
        answer = await signed_in(client)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        for cookie in [*shown.headers.get_list("set-cookie"), *answer.headers.get_list("set-cookie")]:
            name, _, attributes = cookie.partition("=")
            assert name in ("__Host-bridge_session", "__Host-bridge_visit")
            assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(attributes.split("; "))
            assert "Domain" not in attributes
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert (await client.get("/requests")).status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):  # in the clear there is nobody
            await client.get(f"http://localhost:{client.base_url.port}/sign-in")
    async with served(folder, files) as stranger:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await stranger.get("/sign-in")


FROM_PROXY = {"host": "console.example", "x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.7"}


async def test_only_the_named_proxy_is_answered_and_believed(folder: Path):
    named = {"PROXIES": "127.0.0.1", "URL": "https://console.example"}
    async with served(folder, named, FROM_PROXY) as client:
        answer = await signed_in(client)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert answer.headers["set-cookie"].startswith("__Host-bridge_session=")
        assert "Secure" in answer.headers["set-cookie"]
        assert "strict-transport-security" in answer.headers
        assert (await client.get("/requests")).status_code == 200
        for changed, status in (
            ({"x-forwarded-proto": "http"}, 403),
            ({"x-forwarded-proto": ""}, 403),
            ({"host": "localhost"}, 421),
            ({"host": "console.example", "x-forwarded-host": "evil.example"}, 200),
        ):
            answer = await client.get("/requests", headers=changed)
            assert answer.status_code == status, changed
            assert "evil.example" not in answer.text


async def test_whoever_is_no_proxy_is_not_answered_whatever_they_forward(folder: Path):
    named = {"PROXIES": "192.0.2.1", "URL": "https://console.example"}
    async with served(folder, named, FROM_PROXY) as client:
        answer = await client.get("/sign-in")
        assert (answer.status_code, answer.text) == (403, "only by way of the proxy")


def test_the_doctor_tries_what_the_console_needs_without_the_settings_of_a_worker(folder: Path):
    authority = Authority(folder)
    issued = authority.issue("console")
    provider = {
        "OIDC_ISSUER": f"https://127.0.0.1:{free_port()}",
        "OIDC_CLIENT_ID": "console",
        "OIDC_CLIENT_SECRET": "made up for this test",
        "OIDC_ROLES": "night=operator",
        "CERT_FILE": str(issued.cert_file),
        "KEY_FILE": str(issued.key_file),
    }
    environment = variables(folder, provider) | {"COLUMNS": "200"}
    ended = processes.bridge("doctor", "--console", directory=folder, environment=environment)
    assert ended.code == 1, ended.errors
    for line in ("sign-in of the console", "bus (nats)", "ledger and audit trail"):
        assert line in ended.text
    assert "PDS" not in ended.text


def test_a_console_that_may_not_start_says_why_and_ends_with_3(folder: Path):
    ended = processes.bridge("console", directory=folder, environment=variables(folder, {}))
    assert ended.code == 3
    assert (
        "BRIDGE_CONSOLE_CERT_FILE or BRIDGE_CONSOLE_PROXIES: is required outside the sandbox" in ended.errors
    )
    assert "Traceback" not in ended.errors
