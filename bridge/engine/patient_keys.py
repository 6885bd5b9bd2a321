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
        self._keyed = hmac.new(site_key.encode(), digestmod=hashlib.sha256)

    def of(self, nhs_number: str) -> str:
        """The key of a patient, as 32 hexadecimal digits."""
        made = self._keyed.copy()
        made.update(nhs_number.encode())
        return made.digest()[:_KEY_BYTES].hex()
