"""What a person does next about requests that did not succeed, in one sentence or two, by their cause.

Written for whoever is woken at night: what to look at first, and whether asking again helps.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bridge.errors import FailureCode
from bridge.ledger.model import FailureCause

_ASK_AGAIN: Final = "Once it is over, ask these requests again (bridge replay plan --group)."
_TELL_SENDER: Final = "Asking again gives the same answer: the sender's system or its user must act."

BY_CODE: Final[Mapping[FailureCode, str]] = MappingProxyType(
    {
        FailureCode.PATIENT_NOT_FOUND: (
            "Nothing to repair: the practice, or PDS, gives no record for these patients. Many at one "
            "practice at once are unusual: ask the practice's system supplier."
        ),
        FailureCode.PATIENT_NOT_REGISTERED: (
            "Nothing to repair: PDS knows no practice for these patients. " + _TELL_SENDER
        ),
        FailureCode.PATIENT_RESTRICTED: (
            "Nothing to repair: these patients' details are restricted. Do not look for a way round it."
        ),
        FailureCode.PATIENT_DECEASED: "Nothing to repair: PDS says that these patients are deceased.",
        FailureCode.INVALID_NHS_NUMBER: (
            "The sender's system sends NHS numbers that are not valid, or replaced. " + _TELL_SENDER
        ),
        FailureCode.DEMOGRAPHICS_MISMATCH: (
            "The details sent differ from those of PDS: a wrong patient may have been chosen. " + _TELL_SENDER
        ),
        FailureCode.PRACTICE_MISMATCH: (
            "The sender names a practice where the patient is not registered. " + _TELL_SENDER
        ),
        FailureCode.PRACTICE_NOT_ENABLED: (
            "These practices do not offer this part of GP Connect. If one did until now, ask the practice, "
            "and check its entry in SDS. " + _ASK_AGAIN
        ),
        FailureCode.SHARING_REFUSED: (
            "The practice or the patient does not share the record, or there is no sharing agreement. If it "
            "hits every patient of a practice, ask the practice about the agreement."
        ),
        FailureCode.REQUEST_REFUSED: (
            "The practice refuses what the engine sends. Look at one request (bridge ledger show) and report "
            "its trace id to the practice's system supplier. Asking again does not help before that."
        ),
        FailureCode.RESPONSE_INVALID: (
            "The practice answers with something that cannot be used safely. Nothing of it was published. "
            "Report trace id and hash of one (bridge ledger show) to the practice's system supplier. "
            + _ASK_AGAIN
        ),
        FailureCode.PROVIDER_TIMEOUT: (
            "Practices do not answer in time. One practice: ask it, or its supplier. Many: the Spine Secure "
            "Proxy or our own line; see the NHS England service status. " + _ASK_AGAIN
        ),
        FailureCode.PROVIDER_ERROR: (
            "Practices' systems report errors. One practice: ask it, or its supplier. All of one supplier: "
            "report it to that supplier. " + _ASK_AGAIN
        ),
        FailureCode.SPINE_ERROR: (
            "PDS, SDS or the Spine Secure Proxy fails: see the NHS England service status, and bridge doctor "
            "for our own line and certificates. " + _ASK_AGAIN
        ),
        FailureCode.RATE_LIMITED: (
            "A service limits how often it is asked. Lower the RATE_PER_SECOND of PDS, SDS or "
            "practices (deploy/README.md), or ask NHS England for more. " + _ASK_AGAIN
        ),
        FailureCode.APPOINTMENT_REFUSED: (
            "Nothing to repair: the practice's rules or its diary do not allow it; the sender was told why. "
            "Bookings are never asked again from here."
        ),
        FailureCode.REGISTRATION_REFUSED: (
            "Nothing to repair: the practice did not register the patient; the sender was told why."
        ),
        FailureCode.NOT_DONE: (
            "The practice was asked afterwards: it was not done, and the sender was told so. Whoever wanted "
            "it must ask anew, if it is still wanted."
        ),
        FailureCode.RESOURCE_NOT_FOUND: (
            "The practice does not know something that the request names, such as a document that is gone. "
            + _TELL_SENDER
        ),
        FailureCode.OUTCOME_UNKNOWN: (
            "Nobody knows whether a booking, or another change, was done. Do not ask again: find out from "
            "the practice, tell whoever asked, then bridge ledger doubts close."
        ),
        FailureCode.REQUEST_EXPIRED: (
            "They waited for longer than their sender allowed. Find out what held them up (bridge failures, "
            "bridge ledger balance). They are asked again only when that is asked for."
        ),
        FailureCode.CONFIGURATION: (
            "This installation is at fault. Run bridge doctor, correct what it says, and look at the detail. "
            + _ASK_AGAIN
        ),
        FailureCode.INTERNAL: (
            "The engine met an error that nobody foresaw. Find handler_failed or handling_failed in the log "
            "by the example's request key, and report both. Ask again once it is mended."
        ),
    }
)
"""By code; every code has one."""

BY_DETAIL: Final[Mapping[str, str]] = MappingProxyType(
    {
        "circuit_open": (
            "Calls are held back because those before them failed. Look at the other groups of the same "
            "practice or service: they say why. " + _ASK_AGAIN
        ),
        "crash_loop": (
            "Working on these took the worker down ten times. Do not send them again before the cause is "
            "known: keep one (bridge dead show), look at memory and the log, and report it."
        ),
        "body_not_kept": (
            "HL7 v2 messages stood in the vault for longer than BRIDGE_CLAIMS_KEEP_DAYS before they were "
            "sent: the sender was stopped, or the peer away. Ask for these patients' records anew."
        ),
        "event_too_large": (
            "The answer is larger than a message of the broker may be: set BRIDGE_CLAIMS_URL. " + _ASK_AGAIN
        ),
        "no_descriptors": (
            "The worker had no file left for a connection: raise its limit of open files. " + _ASK_AGAIN
        ),
        "parked_by_broker": (
            "The broker gave these up by itself, as by a policy of the queue (length, time to live). Check "
            "the queue's policy. They were not worked on. " + _ASK_AGAIN
        ),
        "peer_away": (
            "The HL7 v2 peer cannot be connected to. bridge doctor says whether it can be reached; nothing "
            "is lost, and messages are sent again by themselves."
        ),
        "peer_error": (
            "The HL7 v2 peer answered with an error (AE, CE), or took them without an answer, for "
            "longer than BRIDGE_MLLP_GIVE_UP_AFTER: the detail says which. Ask "
            "the team of the interface engine, then send the dead letters again (bridge dead replay plan)."
        ),
        "peer_rejected": (
            "The HL7 v2 peer does not take these messages (AR, CR); the detail has its code and field. Ask "
            "the team of the interface engine, then send the dead letters again (bridge dead replay plan)."
        ),
        "superseded": (
            "Nothing to repair: a newer list about the same patient was delivered before this one was sent, "
            "so it was left out. Discard the dead letter."
        ),
        "retries_stopped": (
            "Automated retries are switched off by the kill switch. Switch them on again when what it was "
            "set for is over. " + _ASK_AGAIN
        ),
    }
)
"""By the first word of the detail, which says more than the code."""

REJECTED: Final = (
    "The sender's system sends messages that break the contract; the detail names field and rule. Send both "
    "to its team. Asking again gives the same answer until it corrects them, under new ids."
)
IN_DOUBT: Final = (
    "Nobody knows yet whether a booking, or another change, was done; the engine goes on checking. Do not "
    "ask again. Those without a next check (bridge ledger doubts list) need a person: ask the practice."
)
UNKNOWN_CODE: Final = "The code is not one of the engine's own: ask whoever wrote the pipeline."


def next_step(cause: FailureCause, *, is_in_doubt: bool) -> str:
    """What a person does next.

    Args:
        cause: of the group.
        is_in_doubt: whether some of its requests are.
    """
    if is_in_doubt:
        return IN_DOUBT
    if cause.code is None:
        return REJECTED
    words = (cause.detail or "").split()
    if words and words[0] in BY_DETAIL:
        return BY_DETAIL[words[0]]
    try:
        return BY_CODE[FailureCode(cause.code)]
    except ValueError:
        return UNKNOWN_CODE
