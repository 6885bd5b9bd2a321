"""How a connection to RabbitMQ proves who we are: each time it is made, with what the files hold then."""

from collections.abc import Mapping
from typing import Any

from aio_pika import Connection
from yarl import URL

from bridge.bus.access import Access


class SigningIn(Connection):
    """A connection whose URL and TLS context are asked for whenever the driver connects.

    Args:
        access: of the settings.
        arguments: of the driver's connection.
        options: of the driver's connection.
    """

    def __init__(self, *arguments: Any, access: Access, **options: Any) -> None:
        self._access = access
        super().__init__(*arguments, **options)

    @property
    def url(self) -> URL:
        """With the password of this moment."""
        password = self._access.password
        return self._url if password is None else self._url.with_password(password())

    @url.setter
    def url(self, url: URL) -> None:
        self._url = url

    @property
    def kwargs(self) -> dict[str, Any]:
        """What the driver's link is made with, with the certificates of this moment."""
        if self._access.tls is not None:
            self._kwargs["context"] = self._access.tls()
        return self._kwargs

    @kwargs.setter
    def kwargs(self, kwargs: Mapping[str, Any]) -> None:
        self._kwargs = dict(kwargs)


def signing_in_by(url: URL, access: Access) -> URL:
    """The URL with the way of signing in: where it has no user and we show a certificate, by that alone."""
    return url.update_query(auth="EXTERNAL") if access.presents_certificate and not url.user else url
