"""How the ledger proves who it is to PostgreSQL, whose certificate it trusts, and what a refusal means.

Outside the sandbox a server that is not on this machine must show a certificate of its own name; no parameter
of the URL changes that. All is asked for at each connection: what was replaced in a file is used by the next.
"""

import ssl
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Self

from bridge.credentials.faults import has_mode, is_on_this_machine, ledger_faults
from bridge.credentials.reload import Reloaded
from bridge.credentials.tls import TlsFiles
from bridge.errors import Misconfigured
from bridge.observe.causes import tls_code, tls_sentence
from bridge.settings import Settings
from bridge.values import dataclass

_MEANINGS: Final[Mapping[str, str]] = {
    "28P01": "the password is wrong, or there is no such role",
    "28000": "it lets this role not in from here, or wants another client certificate: see its pg_hba.conf",
    "3D000": "there is no database of this name",
    "42501": "the role may not connect to this database: grant it CONNECT",
    "tls_not_spoken": "it speaks no TLS: switch its ssl on, or reach it by a socket or loopback address",
}
"""What a server answers with, by SQLSTATE, and what is to be looked at."""


@dataclass(frozen=True, slots=True)
class DatabaseAccess:
    """What the settings say beside the URL.

    Attributes:
        tls: the context of the next connection; None: as the URL says.
        password: of the role in the URL; None: it stands there too, or is not needed.
    """

    tls: Callable[[], ssl.SSLContext] | None = None
    password: Callable[[], str | None] | None = None

    @classmethod
    def of(cls, settings: Settings, url: str) -> Self:
        """That of ``BRIDGE_LEDGER_…``.

        Raises:
            Misconfigured: a file is not what it should be, or the settings contradict each other.
        """
        if faults := list(ledger_faults(settings)):
            raise Misconfigured(*faults)
        ledger = settings.ledger
        files = TlsFiles.of("BRIDGE_LEDGER", ledger)
        as_the_url_says = settings.sandbox or is_on_this_machine(url) or has_mode(url)
        has_password = ledger.password is not None or ledger.password_file is not None
        password = partial(getattr, settings, "ledger_password")
        return cls(
            tls=files.renewed_client("ledger_tls") if files.are_set or not as_the_url_says else None,
            password=Reloaded("ledger_password", [ledger.password_file], password) if has_password else None,
        )

    def options(self) -> dict[str, Any]:
        """What the driver's next connection is made with."""
        return {
            "ssl": self.tls() if self.tls else None,
            "password": self.password() if self.password else None,
        }


AS_THE_URL_SAYS: Final = DatabaseAccess()


def refusal(error: BaseException) -> str | None:
    """The code of what keeps TLS from being agreed with the server; None when it is something else."""
    if isinstance(error, ssl.SSLError):
        return tls_code(error)
    # The driver has no error of its own for it.
    if isinstance(error, ConnectionError) and "rejected SSL upgrade" in str(error):
        return "tls_not_spoken"
    return None


def meaning(code: str) -> str:
    """What a code means that waiting does not cure; empty for any other."""
    return _MEANINGS.get(code) or tls_sentence(code)
