"""What the mapping needs to know besides the bundle."""

from collections.abc import Mapping
from datetime import date
from typing import Literal

from bridge.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked of the practice, and the details to check the answer against.

    Attributes:
        nhs_number: the number that was sent; None when nobody asked (a file mapped by hand), then the
            identity is not checked and a person has to.
        superseded_nhs_number: the number in the request, where PDS named a newer one.
        areas: the options of each clinical area that was wanted, by its name; None when everything was.
        birth_date, family_name, given_name, gender, practice_ods: to compare with the answer, when known.
    """

    nhs_number: str | None = None
    superseded_nhs_number: str | None = None
    areas: Mapping[str, object] | None = None
    birth_date: date | None = None
    family_name: str | None = None
    given_name: str | None = None
    gender: Literal["male", "female", "other", "unknown"] | None = None
    practice_ods: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where and when the answer was had.

    Attributes:
        request_id: source and id of the request; with the content it decides the `snapshot_id`.
        retrieved_at: RFC 3339, UTC.
        body_sha256: hex digest of the bytes received.
        holder_ods: the practice that answered; None falls back to what the bundle says.
        patient_key: the opaque key of the patient, when there is one.
        version: what the practice's system declares, when it was asked for.
        issues: issue codes of what was mended to parse it (`bridge.fhir.parsing`).
        may_hold_modifiers: false when it is known that no element is `modifierExtension` or `implicitRules`.
    """

    request_id: str
    retrieved_at: str
    body_sha256: str
    holder_ods: str | None = None
    patient_key: str | None = None
    version: str | None = None
    issues: tuple[str, ...] = ()
    may_hold_modifiers: bool = True
