"""Everything that can go wrong, as one tree, split by what the caller can do about it.

::

    BridgeError
    ├── RequestRejected      the sender must correct the message; nothing was called
    ├── Misconfigured        an operator must correct the installation
    ├── NoConnection         the message broker was tried once and gave no connection
    └── RequestFailed        the request was understood and could not be fulfilled
        ├── Refused          the answer is no: asking again gives the same answer
    │   ├── DocumentUnavailable  with the practice's words why, which stand in its event alone
        │   ├── ResponseInvalid      an answer came and cannot be used; kept by hash for inspection
        │   ├── AppointmentRefused   with the reason, when it is known
        │   ├── RegistrationRefused  likewise
        │   └── NotDone              a side effect was certainly not caused, and will not be tried again
        └── Unavailable      the answer may be different later: retry with back-off
            └── HeldBack     we did not ask, to protect others, or for lack of files

No text in here ever carries patient data: messages are fixed texts by code, and ``detail`` is
made of codes, field names, host names and counts only (flow rule 5 of the engine).
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar, Final, Literal, Self

Stage = Literal["request", "pds", "sds", "spine", "provider", "mapping", "engine"]

AppointmentRefusal = Literal[
    "taken",
    "past",
    "not_adjacent",
    "slots_differ",
    "unknown_slot",
    "version_conflict",
    "already_cancelled",
    "not_found",
    "not_permitted",
    "text_too_long",
    "offer_invalid",
    "offer_expired",
    "invalid",
]
"""Why an appointment was refused.

``taken``: a slot is no longer free. ``past``: it has begun. ``not_adjacent``, ``slots_differ``: the slots
cannot make one appointment. ``unknown_slot``: the practice does not know a slot, or another resource, that
the booking names. ``version_conflict``: changed by somebody else since it was read. ``already_cancelled``.
``not_found``: the practice has no such appointment of this patient. ``not_permitted``: never by GP Connect,
such as home visits. ``text_too_long``: description or comment. ``offer_invalid``: the offer of a slot is not
one that this installation gave out for this patient, or it was altered. ``offer_expired``: its time is over.
``invalid``: the practice gave no reason that is any of these: an organisation's limit of slots, for one.
"""

RegistrationRefusal = Literal["already_registered", "not_verified", "invalid"]
"""Why a temporary registration was refused.

``already_registered``: as an active patient, so find it. ``not_verified``: not on PDS with these details,
deceased or restricted; the practice does not say which. ``invalid``: the practice does not take the details
as they were sent.
"""


_FILES_PAUSE: Final = 10.0
"""Seconds: as long as a connection that asks nothing may keep a file."""


class FailureCode(StrEnum):
    """Why a request failed; the value travels in ``request.failed`` events. Closed per major version."""

    PATIENT_NOT_FOUND = "patient_not_found"
    PATIENT_NOT_REGISTERED = "patient_not_registered"
    PATIENT_RESTRICTED = "patient_restricted"
    PATIENT_DECEASED = "patient_deceased"
    INVALID_NHS_NUMBER = "invalid_nhs_number"
    DEMOGRAPHICS_MISMATCH = "demographics_mismatch"
    PRACTICE_MISMATCH = "practice_mismatch"
    PRACTICE_NOT_ENABLED = "practice_not_enabled"
    SHARING_REFUSED = "sharing_refused"
    REQUEST_REFUSED = "request_refused"
    RESPONSE_INVALID = "response_invalid"
    PROVIDER_TIMEOUT = "provider_timeout"
    PROVIDER_ERROR = "provider_error"
    SPINE_ERROR = "spine_error"
    RATE_LIMITED = "rate_limited"
    APPOINTMENT_REFUSED = "appointment_refused"
    REGISTRATION_REFUSED = "registration_refused"
    NOT_DONE = "not_done"
    RESOURCE_NOT_FOUND = "resource_not_found"
    OUTCOME_UNKNOWN = "outcome_unknown"
    REQUEST_EXPIRED = "request_expired"
    CONFIGURATION = "configuration"
    INTERNAL = "internal"


MESSAGES: dict[FailureCode, tuple[str, str]] = {
    # code: (what happened, what a person can do). PATIENT_NOT_FOUND from a practice cannot tell
    # "unknown" from "sensitive", "deceased" or "not registered": the text must not claim any of them.
    FailureCode.PATIENT_NOT_FOUND: (
        "No GP record can be given for this NHS number.",
        "Check the NHS number; use other sources.",
    ),
    FailureCode.PATIENT_NOT_REGISTERED: (
        "The patient has no current registration with a GP practice.",
        "Ask the patient which practice they use; use other sources.",
    ),
    FailureCode.PATIENT_RESTRICTED: (
        "The patient's details are restricted, so no GP record may be requested.",
        "Follow the organisation's procedure for restricted patients.",
    ),
    FailureCode.PATIENT_DECEASED: (
        "The patient is recorded as deceased, so no GP record may be requested.",
        "Check the NHS number.",
    ),
    FailureCode.INVALID_NHS_NUMBER: (
        "The NHS number is not valid, or is no longer in use.",
        "Trace the patient again and send a valid NHS number.",
    ),
    FailureCode.DEMOGRAPHICS_MISMATCH: (
        "The details sent do not match the patient with this NHS number.",
        "Check the patient's identity before asking again.",
    ),
    FailureCode.PRACTICE_MISMATCH: (
        "The practice named in the request is not where the patient is registered.",
        "Leave the practice out, or send the registered one.",
    ),
    FailureCode.PRACTICE_NOT_ENABLED: (
        "The practice does not offer this GP Connect capability.",
        "Use other sources; the practice can enable GP Connect.",
    ),
    FailureCode.SHARING_REFUSED: (
        "The practice or the patient does not share this record.",
        "Ask the patient; use other sources.",
    ),
    FailureCode.REQUEST_REFUSED: (
        "The practice refused the request as it was sent.",
        "Report this to the integration team with the correlation id.",
    ),
    FailureCode.RESPONSE_INVALID: (
        "The practice answered, but the answer cannot be used safely.",
        "Use other sources; the integration team can inspect the answer by its hash.",
    ),
    FailureCode.PROVIDER_TIMEOUT: ("The practice did not answer in time.", "Ask again later."),
    FailureCode.PROVIDER_ERROR: ("The practice's system reported an error.", "Ask again later."),
    FailureCode.SPINE_ERROR: ("A national service reported an error.", "Ask again later."),
    FailureCode.RATE_LIMITED: ("A national service limits how often it may be asked.", "Ask again later."),
    FailureCode.APPOINTMENT_REFUSED: (
        "The appointment cannot be booked or changed as asked.",
        "Look for slots again, or ask the practice.",
    ),
    FailureCode.REGISTRATION_REFUSED: (
        "The practice did not register the patient as a temporary patient.",
        "Check the patient's details, or ask the practice.",
    ),
    FailureCode.NOT_DONE: (
        "The practice was asked afterwards: what was requested has not been done.",
        "Send a new request if it is still wanted.",
    ),
    FailureCode.RESOURCE_NOT_FOUND: (
        "The practice does not know something that the request names.",
        "Look it up again; ids of one practice mean nothing at another.",
    ),
    FailureCode.OUTCOME_UNKNOWN: (
        "It is not known whether the practice did what was asked.",
        "Ask the practice before asking again.",
    ),
    FailureCode.REQUEST_EXPIRED: (
        "The request expired before it could be fulfilled.",
        "Ask again if the record is still needed.",
    ),
    FailureCode.CONFIGURATION: (
        "The installation is not set up for this request.",
        "Report this to the integration team with the correlation id.",
    ),
    FailureCode.INTERNAL: (
        "The engine could not fulfil the request.",
        "Report this to the integration team with the correlation id.",
    ),
}


class BridgeError(Exception):
    """Base of every error this engine raises on purpose."""


class RequestRejected(BridgeError):  # noqa: N818 - named for what happened to the request, as the events are
    """The message itself is at fault; nothing was called.

    Args:
        field: the path of the offending field, e.g. ``data.patient.nhs_number``; never its value.
        rule: the rule it breaks, in words.
        more: further faults of the same message, so that a sender can correct all at once.
    """

    def __init__(self, field: str, rule: str, *, more: Sequence[tuple[str, str]] = ()) -> None:
        self.faults = ((field, rule), *more)
        super().__init__("; ".join(f"{where}: {what}" for where, what in self.faults))


class Misconfigured(BridgeError):  # noqa: N818
    """The installation is at fault; ``problems`` lists every one that was found."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class NoConnection(BridgeError):  # noqa: N818
    """The message broker was tried once and gave no connection.

    Args:
        code: why, e.g. ``login_refused``.
        sentence: the same in words; of the broker's URL never more than the user's name.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{sentence} ({code})")
        self.code = code


class RequestFailed(BridgeError):  # noqa: N818
    """A request that was understood and could not be fulfilled.

    Args:
        code: why, from the closed list.
        stage: where.
        detail: for the log and the integration team: codes and names only, never patient data.
    """

    retryable = False
    practice_words: str | None = None
    """Why, as the practice says it: for the event alone, since nobody knows what stands in it."""
    practice_ods: str | None = None
    """The practice that was, or was to be, asked; None where it is about none."""

    def __init__(self, code: FailureCode, *, stage: Stage, detail: str = "") -> None:
        super().__init__(f"{code} at {stage}: {detail}" if detail else f"{code} at {stage}")
        self.code = code
        self.stage = stage
        self.detail = detail


class Refused(RequestFailed):
    """The answer is no; the same request gets the same answer.

    ``reason`` says why, in a closed list of each kind's own, when that is known.
    """

    tag: ClassVar[str] = "refused"
    """Under which a refusal of exactly this kind is stored. It stays, whatever the class is called."""

    def __init__(
        self, code: FailureCode, *, stage: Stage, detail: str = "", reason: str | None = None
    ) -> None:
        super().__init__(code, stage=stage, detail=detail)
        self.reason = reason

    @classmethod
    def again(cls, code: FailureCode, *, stage: Stage, detail: str, reason: str | None) -> Self:
        """The same refusal, whatever its kind is made from, out of what was written down of it."""
        refusal = cls.__new__(cls)
        Refused.__init__(refusal, code, stage=stage, detail=detail, reason=reason)
        return refusal


class NotDone(Refused):
    """It was found out that a side effect was not caused, and it will not be tried again.

    Because the tries are used up, the request expired, retries are stopped, or it was in doubt before.
    """

    tag = "not_done"


class ResponseInvalid(Refused):
    """An answer came and cannot be used: not a Bundle, another patient, truncated, too large.

    ``body_sha256`` identifies the raw answer in the log; nothing of it is published.
    """

    tag = "response_invalid"

    def __init__(self, *, stage: Stage, detail: str, body_sha256: str | None = None) -> None:
        super().__init__(FailureCode.RESPONSE_INVALID, stage=stage, detail=detail)
        self.body_sha256 = body_sha256


class DocumentUnavailable(Refused):
    """A document exists, and the practice does not give it out this way (DO-025).

    Args:
        words: why, as the practice says it; None where it does not.
    """

    tag = "document_unavailable"

    def __init__(self, words: str | None) -> None:
        super().__init__(FailureCode.RESOURCE_NOT_FOUND, stage="request", detail="document_unavailable")
        self.practice_words = words


class AppointmentRefused(Refused):
    """An appointment is not booked, amended or cancelled, and nothing was changed.

    ``reason`` is what the rules or the practice's answer say, never a guess.
    """

    tag = "appointment_refused"

    def __init__(self, reason: AppointmentRefusal, *, stage: Stage = "provider", detail: str = "") -> None:
        super().__init__(FailureCode.APPOINTMENT_REFUSED, stage=stage, detail=f"{reason} {detail}".strip())
        self.reason: AppointmentRefusal = reason


class RegistrationRefused(Refused):
    """The practice did not register a temporary patient."""

    tag = "registration_refused"

    def __init__(self, reason: RegistrationRefusal, *, detail: str = "") -> None:
        super().__init__(
            FailureCode.REGISTRATION_REFUSED, stage="provider", detail=f"{reason} {detail}".strip()
        )
        self.reason: RegistrationRefusal = reason


class Unavailable(RequestFailed):
    """May work later. ``retry_after`` is what the other side asked for, in seconds, if it did."""

    retryable = True

    def __init__(
        self, code: FailureCode, *, stage: Stage, detail: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(code, stage=stage, detail=detail)
        self.retry_after = retry_after


class HeldBack(Unavailable):
    """Nothing was called: a bulkhead is full, or its circuit is open. No attempt in the sense of SP-037."""

    @classmethod
    def for_lack_of_files(cls) -> "HeldBack":
        """No file was left for a connection: not now. It passes as soon as others are closed."""
        return cls(FailureCode.INTERNAL, stage="engine", detail="no_descriptors", retry_after=_FILES_PAUSE)
