"""Whose record it is: the patient in the bundle against the one who was asked for (digest §6.4)."""

import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from bridge.fhir import systems
from bridge.fhir.index import BundleIndex, Received, comparable_hash
from bridge.fhir.read import Item, JsonObject, reference_target
from bridge.mapping.asked import Asked
from bridge.record.gp_record import DemographicsCheck, Difference, Match

_LONGEST_NAME: Final = 1000
_LONGEST_ODS: Final = 64
Subject = Literal["own", "unresolved", "other"]
Field = Literal["nhs_number", "birth_date", "family_name", "given_name", "gender", "practice_ods"]


@dataclass(frozen=True, slots=True)
class Identity:
    """The patient of the record.

    Attributes:
        patient: the Patient that is the one asked for; None when there is none, or none can be told.
        own_refs: references of that Patient, and of copies of it.
        nhs_number: the number that Patient carries.
        expected_number: the number that was asked for, else the one the Patient carries.
        holder_ods, holder_name: the organisation that answered.
        check: the comparison with what was asked.
    """

    index: BundleIndex
    patient: Received | None
    own_refs: frozenset[str]
    nhs_number: str | None
    expected_number: str | None
    holder_ods: str | None
    holder_name: str | None
    check: DemographicsCheck

    def subject_of(self, resource: JsonObject) -> Subject:
        """Whether a resource is about the patient (CS-051).

        A reference to nobody in the bundle is a defect that examples and live systems show; a reference
        to another Patient of the bundle, or another NHS number, is another patient.
        """
        subject = resource.get("subject") or resource.get("patient")
        if not isinstance(subject, dict):
            return "own"
        reference = subject.get("reference")
        if isinstance(reference, str) and reference in self.own_refs and "identifier" not in subject:
            return "own"
        number = _subject_number(subject)
        if number is not None and self.expected_number is not None and number != self.expected_number:
            return "other"
        target = reference_target(reference) if isinstance(reference, str) else None
        if target is None or target in self.own_refs:
            return "own"
        found = self.index.resolve(target, "Patient")
        if found is None or found.kind != "Patient":
            return "unresolved"
        return "own" if found.ref in self.own_refs else "other"


def _subject_number(subject: JsonObject) -> str | None:
    identifier = subject.get("identifier")
    if not isinstance(identifier, dict) or identifier.get("system") != systems.NHS_NUMBER:
        return None
    value = identifier.get("value")
    return value if isinstance(value, str) else None


def identify(index: BundleIndex, asked: Asked) -> Identity:
    """Find the patient of the record and compare the details; nothing raises."""
    numbers = [(received, _nhs_number(received)) for received in index.resources("Patient")]
    if asked.nhs_number is not None and any(number == asked.nhs_number for _, number in numbers):
        own = [received for received, number in numbers if number == asked.nhs_number]
    elif asked.nhs_number is not None:
        own = [received for received, number in numbers if number is None]
    else:
        own = [received for received, _ in numbers] if len({number for _, number in numbers}) == 1 else []
    patient = min(own, key=lambda each: comparable_hash(each.resource)) if own else None
    number = _nhs_number(patient) if patient else None
    item = Item(patient.resource if patient else {}, patient.ref if patient else "Patient")
    holder = _organisation(index, item, "managingOrganization")
    practice = _organisation(index, item, "generalPractitioner")
    check = _compare(
        item, asked, number, {holder[0], practice[0]} - {None}, foreign=bool(numbers) and not own
    )
    return Identity(
        index=index,
        patient=patient,
        own_refs=frozenset(received.ref for received in own),
        nhs_number=number,
        expected_number=asked.nhs_number or number,
        holder_ods=holder[0] or practice[0],
        holder_name=holder[1] if holder[0] or not practice[0] else practice[1],
        check=check,
    )


def _nhs_number(received: Received) -> str | None:
    item = Item(received.resource, received.ref)
    for sent in item.many(received.resource.get("identifier"), "identifier"):
        if sent.get("system") == systems.NHS_NUMBER:
            value = item.code(sent.get("value"), "identifier.value")
            if value is not None:
                return value.replace(" ", "")
    return None


def _organisation(index: BundleIndex, item: Item, key: str) -> tuple[str | None, str | None]:
    """ODS code and name of the organisation a Patient names; practitioners among them are passed over."""
    for sent in item.many(item.resource.get(key), key):
        found = index.resolve(item.reference(sent, key))
        if found is None or found.kind != "Organization":
            continue
        name = item.text(found.resource.get("name"), "name")
        for identifier in item.many(found.resource.get("identifier"), "identifier"):
            if identifier.get("system") == systems.ODS_ORGANISATION:
                code = item.code(identifier.get("value"), "identifier.value")
                return (code if code and len(code) <= _LONGEST_ODS else None), name
        return None, name
    return None, None


def _compare(
    item: Item, asked: Asked, number: str | None, practices: set[str | None], *, foreign: bool
) -> DemographicsCheck:
    name = _official_name(item)
    differences: list[Difference] = []

    def match(field: Field, wanted: str | None, returned: str | None, *, same: bool) -> Match:
        if wanted is None:
            return "not_checked"
        if returned is None:
            return "absent"
        if same:
            return "match"
        differences.append({"field": field, "asked": wanted, "returned": returned})
        return "mismatch"

    birth = item.code(item.resource.get("birthDate"), "birthDate")
    family = item.text(name.get("family"), "name.family")
    given = _words(name.get("given"))
    gender = item.code(item.resource.get("gender"), "gender")
    check: DemographicsCheck = {
        "nhs_number": "mismatch" if foreign and asked.nhs_number else _number_match(asked, number),
        "birth_date": match(
            "birth_date", _iso(asked.birth_date), birth, same=birth == _iso(asked.birth_date)
        ),
        "family_name": match(
            "family_name", asked.family_name, family, same=_folded(family) == _folded(asked.family_name)
        ),
        "given_name": match("given_name", asked.given_name, given, same=_same_given(asked.given_name, given)),
        "gender": match("gender", asked.gender, gender, same=gender == asked.gender),
        "practice_ods": match(
            "practice_ods",
            asked.practice_ods,
            ", ".join(sorted(filter(None, practices))) or None,
            same=asked.practice_ods in practices,
        ),
        "differences": differences,
        "verdict": "accept",
    }
    if check["nhs_number"] not in ("match", "not_checked"):
        check["verdict"] = "reject"
        if asked.nhs_number is not None:
            # The number that came back is somebody else's: it is not carried on.
            differences[:] = [{"field": "nhs_number", "asked": asked.nhs_number}]
    elif check["nhs_number"] == "not_checked" or any(
        value in ("mismatch", "absent") for value in check.values()
    ):
        check["verdict"] = "review"
    return check


def _number_match(asked: Asked, number: str | None) -> Match:
    if number is None:
        return "absent"
    return "not_checked" if asked.nhs_number is None else "match"


def _official_name(item: Item) -> JsonObject:
    names = item.many(item.resource.get("name"), "name")
    official = [name for name in names if name.get("use") == "official"]
    return (official or names or [{}])[0]


def _words(sent: object) -> str | None:
    parts = [part for part in (sent if isinstance(sent, list) else [sent]) if isinstance(part, str)]
    return " ".join(parts).strip() or None


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None


def _folded(name: str | None) -> str:
    """A name without case, accents, blanks and punctuation."""
    # Bounded, because putting accents in their order takes time by the square of how many stand in a row.
    plain = unicodedata.normalize("NFKD", (name or "")[:_LONGEST_NAME]).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def _same_given(wanted: str | None, returned: str | None) -> bool:
    """The first given name decides: middle names are often left out on one side."""
    first = [_folded((names or "").split(" ")[0]) for names in (wanted, returned)]
    return first[0] == first[1]
