"""What the console refuses to start with, in words that name the setting; and where it is reached."""

from pathlib import Path
from typing import Any

import pytest

from bridge.console.listening import check, listening
from bridge.console.rights import Role
from bridge.console.sign_in.users import put_user
from bridge.errors import Misconfigured
from bridge.settings import ConsoleSettings, Settings

OIDC: dict[str, Any] = {
    "oidc_issuer": "https://login.example/realms/trust",
    "oidc_client_id": "console",
    "oidc_client_secret": "made up for this test",
    "oidc_roles": ("night=operator",),
}
PROXY = {"proxies": ("10.0.0.1",), "url": "https://console.example"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("listening")
    put_user(made / "users", "vera", [Role.VIEWER], "correct horse battery")
    (made / "nobody").write_text("# nobody yet\n")
    (made / "odd").write_text("vera viewer plain-text\n")
    for name in ("console.crt", "console.key"):
        (made / name).write_text("content")
    return made


def told(folder: Path, *, sandbox: bool = False, **console: Any) -> list[str]:
    """What is said of the console's own settings; files are named from the folder."""
    named = {name: folder / value if name.endswith("_file") else value for name, value in console.items()}
    settings = Settings(sandbox=sandbox, console=ConsoleSettings(**named))
    with pytest.raises(Misconfigured) as refused:  # keys of patients are missing in any case
        check(settings)
    return [problem for problem in refused.value.problems if "CONSOLE" in problem]


USERS = {"users_file": "users"}
TLS = {"cert_file": "console.crt", "key_file": "console.key"}


@pytest.mark.parametrize(
    "console",
    [USERS | TLS, USERS | PROXY, OIDC | TLS, USERS | OIDC | PROXY, USERS | TLS | PROXY],
    ids=["users_tls", "users_proxy", "oidc_tls", "both_proxy", "tls_behind_a_proxy"],
)
def test_it_starts_with_a_way_to_sign_in_and_with_tls(folder: Path, console: dict[str, Any]):
    assert told(folder, **console) == []


@pytest.mark.parametrize(
    ("console", "problem"),
    [
        (TLS, "USERS_FILE or BRIDGE_CONSOLE_OIDC_ISSUER: is required: nobody could sign in"),
        (TLS | {"users_file": "nobody"}, "USERS_FILE: has no user; bridge console user add makes one"),
        (TLS | {"users_file": "odd"}, "USERS_FILE: line 1 is no name, roles and hash of a password"),
        (TLS | {"users_file": "none"}, "USERS_FILE: cannot be read"),
        (
            TLS | OIDC | {"oidc_client_id": None},
            "OIDC_CLIENT_ID: is required with BRIDGE_CONSOLE_OIDC_ISSUER",
        ),
        (
            TLS | OIDC | {"oidc_client_secret": None},
            (
                "OIDC_CLIENT_SECRET or BRIDGE_CONSOLE_OIDC_CLIENT_SECRET_FILE: is required with "
                "BRIDGE_CONSOLE_OIDC_ISSUER"
            ),
        ),
        (TLS | OIDC | {"oidc_roles": ()}, "OIDC_ROLES: is required with BRIDGE_CONSOLE_OIDC_ISSUER"),
        (
            TLS | OIDC | {"oidc_roles": ("night=king",)},
            "OIDC_ROLES: must be value=role, with commas; roles are viewer, clinical, operator, auditor",
        ),
        (
            TLS | OIDC | {"oidc_issuer": "http://login.example"},
            "OIDC_ISSUER: must be https outside the sandbox",
        ),
        (TLS | OIDC | {"oidc_ca_file": "none"}, "OIDC_CA_FILE: cannot be read (No such file or directory)"),
        (
            USERS,
            (
                "CERT_FILE or BRIDGE_CONSOLE_PROXIES: is required outside the sandbox: passwords and records go "
                "this way"
            ),
        ),
        (
            USERS | {"cert_file": "console.crt"},
            "CERT_FILE and BRIDGE_CONSOLE_KEY_FILE: set both or neither",
        ),
        (
            USERS | PROXY | {"ca_file": "console.crt"},
            "CA_FILE: is of no use without BRIDGE_CONSOLE_CERT_FILE",
        ),
        (
            TLS | OIDC | {"oidc_cert_file": "console.crt"},
            "OIDC_CERT_FILE and BRIDGE_CONSOLE_OIDC_KEY_FILE: set both or neither",
        ),
        (USERS | TLS | {"key_file": "none"}, "KEY_FILE: cannot be read (No such file or directory)"),
        (
            USERS | PROXY | {"url": None},
            "URL: is required where browsers do not come by this machine's own address",
        ),
        (
            USERS | TLS | {"host": "0.0.0.0"},
            "URL: is required where browsers do not come by this machine's own address",
        ),
        (USERS | PROXY | {"url": "http://console.example"}, "URL: must be https outside the sandbox"),
        (
            USERS | PROXY | {"url": "https://console.example/ops"},
            "URL: has no path: the console is at the root of its host",
        ),
        (USERS | PROXY | {"url": "https:/console.example"}, "URL: must be https://host[:port]"),
    ],
)
def test_what_is_missing_or_unsafe_is_named(folder: Path, console: dict[str, Any], problem: str):
    assert told(folder, **console) == [f"BRIDGE_CONSOLE_{problem}"]


def test_everything_that_is_wrong_is_said_at_once(folder: Path):
    assert len(told(folder, key_file="none", url="http://console.example")) == 5


def test_the_sandbox_needs_no_tls_but_an_address_that_is_true(folder: Path):
    settings = Settings(sandbox=True, state_dir=folder, console=ConsoleSettings(users_file=folder / "users"))
    with pytest.raises(Misconfigured) as refused:
        check(settings)
    assert [problem for problem in refused.value.problems if "CONSOLE" in problem] == []
    assert told(folder, sandbox=True, users_file="users", url="https://console.example") == [
        "BRIDGE_CONSOLE_URL: is https, and neither a certificate nor a proxy is named"
    ]


def test_no_secret_is_in_what_is_said(folder: Path):
    said = "\n".join(told(folder, **OIDC | {"oidc_issuer": "http://login.example", "oidc_roles": ("x=y",)}))
    assert OIDC["oidc_client_secret"] not in said


def test_where_it_is_reached():
    own = listening(ConsoleSettings())
    assert (own.url, own.is_secure) == ("http://127.0.0.1:8480", False)
    assert own.hosts == {"127.0.0.1:8480", "[::1]:8480", "localhost:8480"}
    named = listening(ConsoleSettings(url="https://Console.example:8443/", proxies=("10.0.0.1",)))
    assert (named.url, named.is_secure) == ("https://Console.example:8443", True)
    assert named.hosts == {"console.example:8443"}
    assert named.proxies == {"10.0.0.1"}


@pytest.mark.parametrize("url", ["https://console.example", "https://console.example:443"])
def test_the_usual_port_is_answered_said_or_unsaid(url: str):
    assert listening(ConsoleSettings(url=url)).hosts == {"console.example", "console.example:443"}
