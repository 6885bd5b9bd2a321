"""Which private keys a worker starts with: every key that OpenSSL itself takes, and no other."""

from math import prod
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from bridge.errors import Misconfigured
from bridge.spine.private_key import private_key

GOOD = rsa.generate_private_key(65537, 2048)
_NUMBERS = GOOD.private_numbers()
PARTS = {name: getattr(_NUMBERS, name) for name in ("p", "q", "d", "dmp1", "dmq1", "iqmp")} | {
    "n": _NUMBERS.public_numbers.n,
    "e": _NUMBERS.public_numbers.e,
}


def written(folder: Path, key: Any, encryption: Any = None) -> Path:
    file = folder / "key.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()))
    return file


def made_of(n: int, e: int, **private: int) -> rsa.RSAPrivateKey:
    numbers = rsa.RSAPrivateNumbers(public_numbers=rsa.RSAPublicNumbers(e, n), **private)
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def refused(file: Path) -> None:
    with pytest.raises(Misconfigured, match="BRIDGE_PDS_KEY_FILE: is not an RSA private key"):
        private_key(file)


@pytest.mark.parametrize("bits", [2048, 4096])
def test_a_key_is_taken(tmp_path: Path, bits: int):
    key = rsa.generate_private_key(65537, bits)
    assert private_key(written(tmp_path, key)).private_numbers() == key.private_numbers()


def test_a_key_is_taken_whose_exponent_is_reckoned_the_shorter_way(tmp_path: Path):
    of_both = (PARTS["p"] - 1) * (PARTS["q"] - 1)
    longer = pow(PARTS["e"], -1, of_both)
    key = made_of(**{**PARTS, "d": longer})
    assert private_key(written(tmp_path, key)).key_size == 2048


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("change", [2, -2])
def test_one_number_of_another_key_is_refused(tmp_path: Path, name: str, change: int):
    try:
        key = made_of(**{**PARTS, name: PARTS[name] + change})
    except ValueError:
        return  # such a key cannot even be written down
    refused(written(tmp_path, key))


def test_numbers_that_belong_together_and_are_not_prime_are_refused(tmp_path: Path):
    halves = rsa.generate_private_key(65537, 1024).private_numbers()
    p, q, e = prod((halves.p, halves.q)), PARTS["q"], 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    made = made_of(n=p * q, e=e, p=p, q=q, d=d, dmp1=d % (p - 1), dmq1=d % (q - 1), iqmp=pow(q, -1, p))
    refused(written(tmp_path, made))


def test_what_is_no_such_key_is_refused(tmp_path: Path):
    refused(written(tmp_path, ec.generate_private_key(ec.SECP256R1())))
    refused(written(tmp_path, GOOD, BestAvailableEncryption(b"a password")))
    refused(tmp_path / "nowhere.pem")
    (tmp_path / "key.pem").write_text("not a key")
    refused(tmp_path / "key.pem")
