"""Certificates for tests: an authority, what it issues, and what it revokes. Files in PEM."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate and its private key."""

    cert_file: Path
    key_file: Path
    certificate: x509.Certificate


class Authority:
    """A certificate authority of its own.

    Args:
        folder: where its files go.
        name: its common name.
    """

    def __init__(self, folder: Path, name: str = "Test Root CA") -> None:
        self._folder = folder
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(name))
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * _DAY)
            .not_valid_after(now + 30 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .add_extension(_ca_usage(), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.ca_file = self._write("ca.crt", self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        name: str,
        *,
        hosts: tuple[str, ...] = ("localhost",),
        expired: bool = False,
        lasts: timedelta = 10 * _DAY,
    ) -> Issued:
        """A certificate for a server or a client; expired means until yesterday."""
        key = ec.generate_private_key(ec.SECP256R1())
        end = datetime.now(UTC) + (-_DAY if expired else lasts)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(self._certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - _DAY if expired else min(end - 20 * _DAY, datetime.now(UTC) - _DAY))
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        return Issued(
            cert_file=self._write(f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM)),
            key_file=self._write(f"{name}.key", _pem(key)),
            certificate=certificate,
        )

    def revocations(self, *revoked: Issued) -> Path:
        """A current revocation list of this authority."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(now - _DAY)
            .next_update(now + _DAY)
        )
        for issued in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(issued.certificate.serial_number)
                .revocation_date(now - _DAY)
                .build()
            )
        crl = builder.sign(self._key, hashes.SHA256())
        return self._write("revoked.crl", crl.public_bytes(serialization.Encoding.PEM))

    def _write(self, name: str, content: bytes) -> Path:
        folder = self._folder / self._name.replace(" ", "-").lower()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        return folder / name


def rsa_key(folder: Path) -> Path:
    """A private key as an application registers one with PDS (there 4096 bits; here faster to make)."""
    file = folder / "pds.key"
    file.write_bytes(_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))
    return file


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _ca_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
