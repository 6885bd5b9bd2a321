"""Whose record it is: the patient in the bundle against the one who was asked for (digest §6.4)."""

import unicodedata
from collections.abc import Callable, Iterable
from datetime import date
from functools import partial
from typing import Final, Literal, NamedTuple

from bridge.fhir import systems
from bridge.fhir.index import BundleIndex, ReceivedEntry, comparable_hash
from bridge.fhir.read import Item, JsonObject, is_current, reference_target
from bridge.mapping.asked import Asked
from bridge.record.nhs_number import plain_nhs_number
from bridge.record.retrieval import DemographicsCheck, Difference, Match
from bridge.values import dataclass

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
        holder_ods: the organisation that answered, as far as the patient says.
        organisations: that may have answered; see `name_of`.
        conflicts: elements in which what was sent about the patient contradicts itself: copies of the Patient
            that differ, several NHS numbers, several organisations under one id.
        check: the comparison with what was asked.
    """

    index: BundleIndex
    patient: ReceivedEntry | None
    own_refs: frozenset[str]
    nhs_number: str | None
    expected_number: str | None
    holder_ods: str | None
    organisations: tuple["SentOrganisation", ...]
    conflicts: tuple[str, ...]
    check: DemographicsCheck

    @property
    def holder_name(self) -> str | None:
        """Name of the organisation of `holder_ods`."""
        return name_of(self.holder_ods, self.organisations)

    @property
    def ref(self) -> str | None:
        """How the patient is named in the bundle."""
        return self.patient.ref if self.patient is not None else None

    def subject_of(self, resource: JsonObject) -> Subject:
        """Whether a resource is about the patient (CS-051).

        A reference to nobody in the bundle is a defect that examples and live systems show; a reference
        to another Patient of the bundle, or another NHS number, is another patient.
        """
        subject = resource.get("subject") or resource.get("patient")
        if type(subject) is not dict:
            return "own"
        reference = subject.get("reference")
        if type(reference) is str and reference in self.own_refs and "identifier" not in subject:
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
    if not isinstance(identifier, dict) or not is_current(identifier, systems.NHS_NUMBER):
        return None
    value = identifier.get("value")
    return plain_nhs_number(value) if isinstance(value, str) else None


def identify(index: BundleIndex, asked: Asked) -> Identity:
    """Find the patient of the record and compare the details; nothing raises."""
    numbers = [(received, _nhs_numbers(received)) for received in index.resources("Patient")]
    if asked.nhs_number is not None and any(asked.nhs_number in found for _, found in numbers):
        chosen = [each for each in numbers if asked.nhs_number in each[1]]
    elif asked.nhs_number is not None:
        chosen = [each for each in numbers if not each[1]]
    elif len({tuple(found) for _, found in numbers}) == 1:
        chosen = numbers
    else:
        chosen = []
    # Copies that differ are all compared; the choice of the one that is shown does not depend on their order.
    if len(chosen) > 1:
        chosen.sort(key=lambda each: comparable_hash(each[0].resource))
    own = [received for received, _ in chosen]
    patient = own[0] if own else None
    number = _number_of(chosen[0][1] if chosen else [], asked)
    copies = [Item(each.resource, each.ref) for each in own] or [Item({}, "Patient")]
    holder = _organisation(index, copies[0], "managingOrganization")
    practice = _organisation(index, copies[0], "generalPractitioner")
    conflicts = [
        *(["identifier"] if any(len(found) > 1 for _, found in chosen) else []),
        *_conflicts(own),
        *(["managingOrganization"] if holder.is_contested else []),
        *(["generalPractitioner"] if practice.is_contested else []),
    ]
    check = _compare(copies, asked, number, holder.codes | practice.codes, foreign=bool(numbers) and not own)
    if conflicts and check["verdict"] == "accept":
        check["verdict"] = "review"
    return Identity(
        index=index,
        patient=patient,
        own_refs=frozenset(received.ref for received in own),
        nhs_number=number,
        expected_number=asked.nhs_number or number,
        holder_ods=holder.ods or practice.ods,
        organisations=(*holder.described, *(each for each in practice.described if each.ods is not None)),
        conflicts=tuple(dict.fromkeys(conflicts)),
        check=check,
    )


def _nhs_numbers(received: ReceivedEntry) -> list[str]:
    """The NHS numbers a Patient carries now, each once; more than one is a contradiction."""
    item = Item(received.resource, received.ref)
    found = [
        item.code(sent.get("value"), "identifier.value")
        for sent in item.many(received.resource.get("identifier"), "identifier")
        if is_current(sent, systems.NHS_NUMBER)
    ]
    return sorted({number for each in found if each is not None and (number := plain_nhs_number(each))})


def _number_of(found: list[str], asked: Asked) -> str | None:
    return asked.nhs_number if asked.nhs_number in found else next(iter(found), None)


def _conflicts(own: list[ReceivedEntry]) -> list[str]:
    """Elements that copies of the Patient do not agree on."""
    if len(own) < 2:  # noqa: PLR2004 - one agrees with itself
        return []
    first, *others = (each.resource for each in own)
    named = {key for each in own for key in each.resource} - {"id", "meta"}
    return sorted(key for key in named if any(each.get(key) != first.get(key) for each in others))


class SentOrganisation(NamedTuple):
    """An organisation as it was sent."""

    ods: str | None
    name: str | None


def name_of(ods: str | None, organisations: Iterable[SentOrganisation]) -> str | None:
    """The name to show beside a code: of the organisation with that code, else of one without any.

    Never that of an organisation with another code, which would say that somebody else answered.
    """
    known = list(organisations)
    same = [each for each in known if each.ods == ods] or [each for each in known if each.ods is None]
    return next((each.name for each in same if each.name is not None), None)


def organisation(item: Item) -> SentOrganisation:
    """Code in use and name of an Organization in its STU3 form."""
    name = item.text(item.resource.get("name"), "name")
    for identifier in item.many(item.resource.get("identifier"), "identifier"):
        if is_current(identifier, systems.ODS_ORGANISATION):
            code = item.code(identifier.get("value"), "identifier.value")
            return SentOrganisation(code if code and len(code) <= _LONGEST_ODS else None, name)
    return SentOrganisation(None, name)


class _Practice(NamedTuple):
    """An organisation that a Patient names, as each resource under that id describes it."""

    described: tuple[SentOrganisation, ...] = ()

    @property
    def ods(self) -> str | None:
        return self.described[0].ods if self.described else None

    @property
    def codes(self) -> frozenset[str]:
        return frozenset(each.ods for each in self.described if each.ods is not None)

    @property
    def is_contested(self) -> bool:
        return len(set(self.described)) > 1


def _organisation(index: BundleIndex, item: Item, key: str) -> _Practice:
    """The organisation a Patient names; practitioners among them are passed over."""
    for sent in item.many(item.resource.get(key), key):
        found = index.variants(item.reference(sent, key))
        if not found or found[0].kind != "Organization":
            continue
        return _Practice(tuple(organisation(Item(each.resource, each.ref)) for each in found))
    return _Practice()


def _compare(
    copies: list[Item], asked: Asked, number: str | None, practices: frozenset[str], *, foreign: bool
) -> DemographicsCheck:
    """Compare what was asked with every copy of the Patient: what one of them contradicts is a mismatch."""
    differences: list[Difference] = []

    match = partial(_match, differences)
    names = [_official_name(item) for item in copies]
    born = _iso(asked.birth_date)
    check: DemographicsCheck = {
        "nhs_number": "mismatch" if foreign and asked.nhs_number else _number_match(asked, number),
        "birth_date": match(
            "birth_date",
            born,
            [item.code(item.resource.get("birthDate"), "birthDate") for item in copies],
            lambda returned: returned == born,
        ),
        "family_name": match(
            "family_name",
            asked.family_name,
            [item.text(name.get("family"), "name.family") for item, name in zip(copies, names, strict=True)],
            lambda returned: _folded(returned) == _folded(asked.family_name),
        ),
        "given_name": match(
            "given_name",
            asked.given_name,
            [_words(name.get("given")) for name in names],
            lambda returned: _same_given(asked.given_name, returned),
        ),
        "gender": match(
            "gender",
            asked.gender,
            [item.code(item.resource.get("gender"), "gender") for item in copies],
            lambda returned: returned == asked.gender,
        ),
        "practice_ods": match(
            "practice_ods",
            asked.practice_ods,
            [", ".join(sorted(practices)) or None],
            lambda _: asked.practice_ods in practices,
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


def _match(
    differences: list[Difference],
    field: Field,
    wanted: str | None,
    sent: list[str | None],
    same: Callable[[str], bool],
) -> Match:
    if wanted is None:
        return "not_checked"
    returned = list(dict.fromkeys(each for each in sent if each is not None))
    if not returned:
        return "absent"
    others = [each for each in returned if not same(each)]
    differences.extend({"field": field, "asked": wanted, "returned": each} for each in others)
    return "mismatch" if others else "match"


def _number_match(asked: Asked, number: str | None) -> Match:
    if number is None:
        return "absent"
    return "not_checked" if asked.nhs_number is None else "match"


def _official_name(item: Item) -> JsonObject:
    names = item.many(item.resource.get("name"), "name")
    official = [name for name in names if name.get("use") == "official"]
    current = [name for name in names if name.get("use") not in ("old", "maiden")]
    return (official or current or names or [{}])[0]


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
