"""Offers of slots, signed: nothing is booked but what was offered, for whom it was offered, in time.

Otherwise whoever may put a message on the bus could book any slot that they can name, for anybody.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import orjson

from bridge.contracts.appointments import Offer
from bridge.errors import AppointmentRefusal
from bridge.observe import record
from bridge.observe.vocabulary.upstreams import UnsignedOfferTaken
from bridge.record.appointments import Offer as GivenOut

_LABEL: Final = b"gpconnect-bridge offers 1"
_SIGNATURE_BYTES: Final = 16
_SIGNED_TEXTS: Final = (
    "practice_ods_code",
    "slot_id",
    "schedule_id",
    "location_id",
    "practitioner_id",
    "delivery_channel",
    "service_type",
    "organisation_type",
)


class Offers:
    """Signs offers, and recognises those that this installation gave out.

    The signature (HMAC-SHA256, 128 bits) is over everything an offer says, the patient's key and the end of
    its time. Its key is made from the site key, which all workers have in common and which makes the
    patients' keys as well: whatever changes the one ends the use of the other.

    Args:
        site_key: of `bridge.engine.patient_keys`.
        valid_for: after an offer was found.
        unsigned_until: offers without a signature are taken until then; None takes none.
    """

    def __init__(
        self, site_key: str, *, valid_for: timedelta, unsigned_until: datetime | None = None
    ) -> None:
        self._key = hmac.digest(site_key.encode(), _LABEL, hashlib.sha256)
        self._valid_for = valid_for
        self._unsigned_until = unsigned_until

    def sign(self, offers: Iterable[GivenOut], *, patient_key: str, found_at: datetime) -> None:
        """Put `expires_at` and `signature` into offers that were just found for a patient."""
        expires = (found_at + self._valid_for).astimezone(UTC).replace(microsecond=0)
        expires_at = expires.isoformat().replace("+00:00", "Z")
        for offer in offers:
            times = datetime.fromisoformat(offer["start"]), datetime.fromisoformat(offer["end"]), expires
            offer["expires_at"] = expires_at
            texts = [offer.get(name) for name in _SIGNED_TEXTS]
            offer["signature"] = self._signature(patient_key, texts, *times)

    def objection(self, offer: Offer, *, patient_key: str, now: datetime) -> AppointmentRefusal | None:
        """Why an offer may not be booked for this patient.

        Returns:
            ``offer_invalid``: it was not given out for this patient, was altered, or is not signed.
            ``offer_expired``: its time is over. None: it may be booked.
        """
        if offer.signature is None or offer.expires_at is None:
            if offer.signature is not None or self._unsigned_until is None or now >= self._unsigned_until:
                return "offer_invalid"
            record(UnsignedOfferTaken(offer.practice_ods_code))
            return None
        texts = [getattr(offer, name) for name in _SIGNED_TEXTS]
        expected = self._signature(patient_key, texts, offer.start, offer.end, offer.expires_at)
        if not hmac.compare_digest(expected.encode(), offer.signature.encode()):
            return "offer_invalid"
        return "offer_expired" if now >= offer.expires_at else None

    def _signature(self, patient_key: str, texts: Sequence[object], *times: datetime) -> str:
        """Times count as moments, so that a system in between may write them with another offset."""
        signed = orjson.dumps([patient_key, texts, [time.timestamp() for time in times]])
        digest = hmac.digest(self._key, signed, hashlib.sha256)[:_SIGNATURE_BYTES]
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
