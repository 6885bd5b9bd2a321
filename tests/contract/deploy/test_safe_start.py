"""What an operator can get wrong in production, and that nothing starts with it."""

from pathlib import Path

import pytest

from bridge.errors import Misconfigured
from bridge.settings import Settings


@pytest.fixture
def production(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Everything a worker needs, and nothing that it must not have."""
    file = tmp_path / "given"
    file.write_text("given by the platform")
    names = ("PDS_KEY", "SDS_API_KEY", "SPINE_CA", "SPINE_CERT", "SPINE_KEY", "PATIENT_KEY")
    environment = {
        "BRIDGE_BUS_URL": "amqps://bridge:3f9c27@broker.example/",
        "BRIDGE_PDS_URL": "https://pds.example/FHIR/R4",
        "BRIDGE_PDS_TOKEN_URL": "https://pds.example/oauth2/token",
        "BRIDGE_PDS_CLIENT_ID": "app",
        "BRIDGE_PDS_KEY_ID": "key-1",
        "BRIDGE_SDS_URL": "https://sds.example/FHIR/R4",
        "BRIDGE_SSP_URL": "https://proxy.example",
        "BRIDGE_SPINE_ALLOWED_HOSTS": "*.supplier.example",
        "BRIDGE_CONSUMER_ENDPOINT_URL": "https://bridge.example",
        "BRIDGE_CONSUMER_SUPPLIER_ODS": "YSUPP",
        "BRIDGE_CONSUMER_ORGANISATIONS": "RXX,RYY",
        "BRIDGE_CONSUMER_DEVICE_ID": "bridge-1",
        "BRIDGE_CONSUMER_IDENTIFIER_SYSTEM": "https://supplier.example/id",
        **{f"BRIDGE_{name}_FILE": str(file) for name in names},
    }
    monkeypatch.delenv("BRIDGE_SANDBOX", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment


def test_a_complete_installation_may_start(production: dict[str, str]):
    Settings.load().check()


# SP-055: everything goes over https. SP-017: directories are reached over TLS and never by LDAP.
@pytest.mark.duty("SP-017", "SP-055")
@pytest.mark.parametrize("name", ["PDS_URL", "PDS_TOKEN_URL", "SDS_URL", "SSP_URL"])
@pytest.mark.parametrize("scheme", ["http", "ldap", "ldaps"])
def test_an_upstream_without_https_is_refused(
    production: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str, scheme: str
):
    monkeypatch.setenv(f"BRIDGE_{name}", f"{scheme}://host.example")
    with pytest.raises(Misconfigured) as fault:
        Settings.load().check()
    assert fault.value.problems == (f"BRIDGE_{name}: must be https outside the sandbox",)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        (
            "BRIDGE_BUS_URL",
            "amqp://guest:guest@broker/",
            "is a known default, which only the sandbox may use",
        ),
        ("BRIDGE_PATIENT_KEY", "ChangeMe", "is a known default, which only the sandbox may use"),
        ("BRIDGE_SDS_API_KEY", "sandbox", "is a known default, which only the sandbox may use"),
    ],
)
def test_a_password_that_everybody_knows_is_refused(
    production: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
):
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured) as fault:
        Settings.load().check()
    assert fault.value.problems == (f"{name}: {problem}",)


# SP-030: practices are called through the proxy; calling them directly is for the sandbox alone.
@pytest.mark.duty("SP-030")
def test_without_the_proxy_nothing_starts(production: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("BRIDGE_SSP_URL")
    with pytest.raises(Misconfigured) as fault:
        Settings.load().check()
    assert fault.value.problems == ("BRIDGE_SSP_URL: is required",)


# SP-050, SP-056: mutual TLS with the certificate that the NHS issued.
@pytest.mark.duty("SP-050", "SP-056")
@pytest.mark.parametrize("name", ["BRIDGE_SPINE_CERT_FILE", "BRIDGE_SPINE_KEY_FILE"])
def test_without_a_client_certificate_nothing_starts(
    production: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.delenv(name)
    with pytest.raises(Misconfigured) as fault:
        Settings.load().check()
    both = "BRIDGE_SPINE_CERT_FILE and BRIDGE_SPINE_KEY_FILE: set both or neither"
    assert fault.value.problems == (f"{name}: is required", both)
