"""The private key of the PDS assertion, looked at as long as it takes to know that it signs."""

from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bridge.errors import Misconfigured

_SMALLEST = 3
"""Of the primes: below it the rest cannot be reckoned."""


def private_key(file: Path) -> RSAPrivateKey:
    """The RSA key in a file.

    OpenSSL would prove that its two primes are prime, which holds the loop up for 0.03 s with a key of 2048
    bits and for 0.2 s with one of 4096, at a start and whenever the key is replaced. Here its numbers must
    belong together, and what it signs must verify, which it does with no number that is not prime.

    Raises:
        Misconfigured: it is none, it has a password, or its numbers are not those of one key.
    """
    try:
        key = load_pem_private_key(file.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True)
        if isinstance(key, RSAPrivateKey) and _belongs_together(key):
            signature = key.sign(b"", PKCS1v15(), SHA512())
            key.public_key().verify(signature, b"", PKCS1v15(), SHA512())
            return key
    except (ValueError, TypeError, OSError, UnsupportedAlgorithm, InvalidSignature):
        pass
    raise Misconfigured("BRIDGE_PDS_KEY_FILE: is not an RSA private key in PEM without a password")


def _belongs_together(key: RSAPrivateKey) -> bool:
    """RFC 8017, 3.2: what the numbers of a private key are to each other."""
    numbers = key.private_numbers()
    public, p, q, d = numbers.public_numbers, numbers.p, numbers.q, numbers.d
    return (
        min(p, q) >= _SMALLEST
        and p * q == public.n
        and public.e * d % (p - 1) == 1
        and public.e * d % (q - 1) == 1
        and (numbers.dmp1, numbers.dmq1) == (d % (p - 1), d % (q - 1))
        and numbers.iqmp * q % p == 1
    )
