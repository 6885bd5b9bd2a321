"""The details that an answer is held against: the sender's, and PDS's where it sent none (CS-048, HT-016)."""

from datetime import date
from typing import TypedDict, get_args

from bridge.contracts.requests import Gender, Patient
from bridge.spine.pds import TracedPatient


class Details(TypedDict):
    """Who the patient is; None where neither knows."""

    nhs_number: str
    superseded_nhs_number: str | None
    birth_date: date | None
    family_name: str | None
    given_name: str | None
    gender: Gender | None
    practice_ods: str


def details_of(sent: Patient, traced: TracedPatient) -> Details:
    """What a practice's answer about this patient should say."""
    return {
        "nhs_number": traced.nhs_number,
        "superseded_nhs_number": traced.superseded,
        "birth_date": sent.birth_date or _whole_date(traced.birth_date),
        "family_name": sent.family_name or traced.family_name,
        "given_name": sent.given_name or next(iter(traced.given_names), None),
        "gender": sent.gender or _gender(traced.gender),
        "practice_ods": traced.practice_ods,
    }


def _gender(text: str | None) -> Gender | None:
    return next((known for known in get_args(Gender) if known == text), None)


def _whole_date(text: str | None) -> date | None:
    """PDS may know a year or a month only, which compares with nothing."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
