"""The opaque key of a patient, for events and indexes."""

import hashlib
import hmac

_KEY_BYTES = 16


class PatientKeys:
    """Turns an NHS number into the ``patientkey`` of events: HMAC-SHA256 with the site's key, 128 bits.

    The same patient always gets the same key, so it serves for ordering; without the site's key it tells
    nothing.
    """

    def __init__(self, site_key: str) -> None:
        self._site_key = site_key.encode()

    def of(self, nhs_number: str) -> str:
        """The key of a patient, as 32 hexadecimal digits."""
        return hmac.digest(self._site_key, nhs_number.encode(), hashlib.sha256)[:_KEY_BYTES].hex()
