"""What every request of a hospital system carries, as it travels in its ``data``."""

import json
from datetime import UTC, date, datetime
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from bridge.record.dates import uk_day
from bridge.record.nhs_number import is_valid_nhs_number


def _check_digit(value: str) -> str:
    if not is_valid_nhs_number(value):
        # CS-008: an invalid number is never sent on. The value stays out of the text.
        raise ValueError("must be ten digits with a valid check digit")
    return value


def _single_line(value: str) -> str:
    # These texts go into headers and token claims: no line breaks, no control characters.
    if not value.isprintable() or value != value.strip():
        raise ValueError("must be printable text without leading or trailing blanks")
    return value


def _not_in_future(value: date) -> date:
    if value > uk_day(datetime.now(UTC)):
        raise ValueError("must not be in the future")  # CS-021
    return value


NhsNumber = Annotated[str, Field(pattern=r"^[0-9]{10}$"), AfterValidator(_check_digit)]
Text = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_single_line)]
OdsCode = Annotated[str, Field(pattern=r"^[A-Z0-9]{3,10}$")]
"""Upper case only: ODS codes reach a directory filter, so nothing else may pass."""
Gender = Literal["male", "female", "other", "unknown"]
PastDate = Annotated[date, AfterValidator(_not_in_future)]


class Model(BaseModel):
    """Strict about names: an option that is misspelt is refused, never ignored.

    What stands below a field is its description in the schemas (`bridge.contracts.schemas`).
    """

    # The validator of a request is made when the first one comes: there are a dozen kinds, and one within
    # another would be made twice.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Patient(Model):
    """Whose record, and the details to check it against."""

    nhs_number: NhsNumber
    family_name: Text | None = None
    given_name: Text | None = None
    birth_date: date | None = None
    gender: Gender | None = None


class Organisation(Model):
    """The organisation the user works for: the originating one, never a shared host (SP-033)."""

    ods_code: OdsCode
    name: Text


MOST_OF_USER: Final = 4000
"""Bytes of a user's texts in the token of each call, about half of what a proxy takes as one header."""


class Requester(Model):
    """The person who asks. Sent to the practice as they are here: a generic user is refused (SP-077).

    All texts together take 4,000 bytes at most as JSON in ASCII, where a letter with an accent takes six.
    """

    user_id: Text
    """Local user id; becomes ``sub`` of the token."""
    family_name: Text
    given_names: Annotated[tuple[Text, ...], Field(min_length=1, max_length=10)]
    prefix: Text | None = None
    role: Text
    """Job role as the local system knows it, for the audit trail."""
    sds_user_id: Annotated[str, Field(pattern=r"^[0-9]{12}$")] | None = None
    """From the smartcard. Absent: sent as ``UNK`` (SP-074)."""
    sds_role_profile_id: Annotated[str, Field(pattern=r"^[0-9]{12}$")] | None = None
    """From the smartcard. Absent: sent as ``UNK`` (SP-075)."""
    sds_job_role: Annotated[str, Field(pattern=r"^R[0-9]{4}$")] | None = None
    """SDS job role code, for the care record (0.x). Absent: sent as ``UNK`` (SP-079)."""
    organisation: Organisation

    @model_validator(mode="after")
    def _fits_into_a_header(self) -> Self:
        # The token stands in a header of each call. A proxy cuts one that is too long, which would count as
        # its own failure and stop everybody's calls.
        named = (self.family_name, self.prefix, self.organisation.name, *self.given_names)
        if len(json.dumps([self.user_id] * 3 + list(named))) > MOST_OF_USER:
            raise ValueError(f"must take {MOST_OF_USER} bytes at most, all texts together")
        return self


class GpConnectRequest(Model):
    """What every request carries, whatever it asks for."""

    patient: Patient
    requested_by: Requester
    purpose: Literal["direct_care"]
    """GP Connect may be used for the direct care of the patient only (CS-012)."""
    encounter_id: Text | None = None
    """Requests of one patient encounter may share directory look-ups; absent, nothing is shared (SP-015)."""
    expires_at: AwareDatetime | None = None
    """After this the answer is of no use, and the request fails as ``request_expired``."""
