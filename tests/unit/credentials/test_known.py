"""Until when certificates can be used: of every group that has some, and again when a file is replaced."""

import shutil
import time
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.credentials.known import ALL, known_certificates
from bridge.errors import Misconfigured
from bridge.settings import BusSettings, ConsoleSettings, LedgerSettings, Settings
from tests.support.certificates import Authority


def test_each_certificate_is_known_by_its_setting_and_read_again_when_it_changes(tmp_path: Path):
    authority = Authority(tmp_path)
    ours, shown = authority.issue("worker", lasts=timedelta(days=5)), tmp_path / "our.crt"
    shutil.copyfile(ours.cert_file, shown)
    settings = Settings(
        bus=BusSettings(url="amqps://broker.example/", cert_file=shown, key_file=ours.key_file),
        ledger=LedgerSettings(ca_file=authority.ca_file),
        console=ConsoleSettings(oidc_cert_file=ours.cert_file, oidc_key_file=ours.key_file),
    )
    known = known_certificates(settings, *ALL)

    assert {fact.setting: fact.expires_at for fact in known()} == {
        "BRIDGE_BUS_CERT_FILE": ours.certificate.not_valid_after_utc,
        "BRIDGE_CONSOLE_OIDC_CERT_FILE": ours.certificate.not_valid_after_utc,
        "BRIDGE_LEDGER_CA_FILE": known_certificates(settings, "ledger")()[0].expires_at,
    }
    renewed = authority.issue("renewed", lasts=timedelta(days=9))
    shutil.copyfile(renewed.cert_file, shown)
    while known()[0].expires_at != renewed.certificate.not_valid_after_utc:
        time.sleep(0.05)


def test_a_file_without_a_certificate_is_named(tmp_path: Path):
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(Misconfigured, match="BRIDGE_LEDGER_CA_FILE: holds no readable certificate"):
        known_certificates(Settings(ledger=LedgerSettings(ca_file=tmp_path / "empty.pem")), "ledger")
