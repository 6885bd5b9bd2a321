"""How a bus proves who we are, whose certificates it trusts, and what else does not stand in its URL.

Everything is asked for at each connection, so that what was replaced in a file is used by the next one.
"""

import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self

from bridge.credentials.faults import bus_faults
from bridge.credentials.reload import Reloaded
from bridge.credentials.tls import TlsFiles
from bridge.errors import Misconfigured
from bridge.settings import Settings
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class Access:
    """What the settings say beside the URL; a bus without any does as its URL says.

    Attributes:
        tls: the context of the next connection; None: as the URL says.
        password: of the user in the URL; None: it stands there too.
        presents_certificate: whether `tls` has a certificate to show.
        creds_file: the credentials of a user of NATS.
        replicas: of NATS: copies of each stream; None: three in a cluster.
    """

    tls: Callable[[], ssl.SSLContext] | None = None
    password: Callable[[], str | None] | None = None
    presents_certificate: bool = False
    creds_file: Path | None = None
    replicas: int | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """That of ``BRIDGE_BUS_…``.

        Raises:
            Misconfigured: a file is not what it should be, or the settings contradict each other.
        """
        if faults := list(bus_faults(settings)):
            raise Misconfigured(*faults)
        bus = settings.bus
        files = TlsFiles.of("BRIDGE_BUS", bus)
        password = partial(getattr, settings, "bus_password")
        has_password = bus.password is not None or bus.password_file is not None
        return cls(
            tls=files.renewed_client("bus_tls") if files.are_set else None,
            password=Reloaded("bus_password", [bus.password_file], password) if has_password else None,
            presents_certificate=bus.cert_file is not None,
            creds_file=bus.creds_file,
            replicas=bus.replicas,
        )

    @property
    def says_anything(self) -> bool:
        """Whether a bus must know of it."""
        return self != Access()


AS_THE_URL_SAYS = Access()
