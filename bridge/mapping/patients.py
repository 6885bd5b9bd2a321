"""A practice's Patient → `PracticePatient`. Pure; nothing raises.

Source: CareConnect-GPC-Patient-1; Foundations, find a patient.
"""

from collections.abc import Iterable
from typing import Final

from bridge.fhir import systems
from bridge.fhir.index import index_bundle
from bridge.fhir.read import Item, JsonObject, code_in, extension_value, first_code, is_current
from bridge.mapping.asked import Asked
from bridge.mapping.diary import addresses_of, contacts_of, spoken_name, term_of, words
from bridge.mapping.identity import identify
from bridge.mapping.modifiers import modifiers_in
from bridge.mapping.values import period
from bridge.record.patients import (
    NamedContact,
    PatientName,
    PracticePatient,
    Registration,
    SpokenLanguage,
)

_VERIFIED: Final = "01"


def map_patient(
    resource: JsonObject, *, practice_ods_code: str, asked: Asked, issues: Iterable[str] = ()
) -> PracticePatient:
    """Map a patient that a practice found or registered.

    Args:
        resource: as the practice sent it.
        practice_ods_code: the practice.
        asked: the details of the request, and of PDS where it has none, to compare with (FN-036).
        issues: codes of what was mended to read the answer (`bridge.fhir.parsing`).
    """
    index = index_bundle({"entry": [{"resource": resource}]})
    item = Item(resource, f"Patient/{resource.get('id')}")
    identity = identify(index, asked)
    for code in issues:
        item.note(code)
    for path in identity.conflicts:
        item.note("patient_conflict", path)
    modifiers = list(modifiers_in(resource))
    if modifiers and identity.check["verdict"] == "accept":
        identity.check["verdict"] = "review"
    item.notes += modifiers
    patient: PracticePatient = {
        "practice_ods_code": practice_ods_code,
        "patient_id": item.code(resource.get("id"), "id") or "",
        "demographics": identity.check,
        "addresses": addresses_of(item),
        "contacts": contacts_of(item),
        "contact_persons": _contact_persons(item),
        "languages": [],
        "issue_codes": [],
    }
    if identity.nhs_number is not None:
        patient["nhs_number"] = identity.nhs_number
    if (version := item.code(item.one(resource.get("meta"), "meta").get("versionId"), "meta")) is not None:
        patient["version_id"] = version
    if (birth_date := item.date(resource.get("birthDate"), "birthDate")) is not None:
        patient["birth_date"] = birth_date
    if (gender := item.code(resource.get("gender"), "gender")) is not None:
        patient["gender"] = gender
    _add_verification(item, patient)
    _add_name(item, patient)
    _add_extensions(item, patient)
    patient["issue_codes"] = item.codes()
    return patient


def _add_verification(item: Item, patient: PracticePatient) -> None:
    """Whether the practice has verified the number: by the code, for which suppliers use two systems."""
    for identifier in item.many(item.resource.get("identifier"), "identifier"):
        if not is_current(identifier, systems.NHS_NUMBER):
            continue
        for extension in item.extensions(identifier).get("nhsnumberverificationstatus", ()):
            concept = extension_value(extension)
            if (code := code_in(concept, systems.NHS_NUMBER_VERIFICATION)) is not None:
                patient["nhs_number_verified"] = code == _VERIFIED


def _add_name(item: Item, patient: PracticePatient) -> None:
    names = item.many(item.resource.get("name"), "name")
    official = [name for name in names if name.get("use") == "official"]
    current = [name for name in names if name.get("use") not in ("old", "maiden")]
    for sent in (official or current or names)[:1]:
        text = spoken_name(item, sent)
        if text is None:
            return
        name: PatientName = {"text": text}
        if (family := item.text(sent.get("family"), "name.family")) is not None:
            name["family"] = family
        if given := words(sent.get("given")):
            name["given"] = given
        if prefix := words(sent.get("prefix")):
            name["prefix"] = prefix
        patient["name"] = name


def _add_extensions(item: Item, patient: PracticePatient) -> None:
    extensions = item.extensions(item.resource)
    for details in extensions.get("registrationdetails", ())[:1]:
        parts = item.extensions(details)
        if (registration := _registration(item, parts)) is not None:
            patient["registration"] = registration
        for branch in parts.get("preferredbranchsurgery", ())[:1]:
            target = item.reference(extension_value(branch), "preferredBranchSurgery") or ""
            if target.startswith("Location/"):
                patient["preferred_branch_location_id"] = target.removeprefix("Location/")
    for communication in extensions.get("nhscommunication", ()):
        if spoken := _language(item, item.extensions(communication)):
            patient["languages"].append(spoken)


def _registration(item: Item, parts: dict[str, list[JsonObject]]) -> Registration | None:
    for sent in parts.get("registrationtype", ()):
        concept = extension_value(sent)
        code = code_in(concept, systems.REGISTRATION_TYPE)
        registration: Registration = {"kind": "other"}
        match code:
            case "R":
                registration["kind"] = "regular"
            case "T":
                registration["kind"] = "temporary"
        if (kind_code := code or first_code(concept)) is not None:
            registration["kind_code"] = kind_code
        if (text := term_of(item, concept, "registrationType")) is not None:
            registration["kind_text"] = text
        for stated in parts.get("registrationperiod", ())[:1]:
            starts, ends = period(item, extension_value(stated), "registrationPeriod")
            if starts is not None:
                registration["starts"] = starts
            if ends is not None:
                registration["ends"] = ends
        return registration
    return None


def _language(item: Item, parts: dict[str, list[JsonObject]]) -> SpokenLanguage:
    spoken: SpokenLanguage = {}
    for sent in parts.get("language", ())[:1]:
        concept = extension_value(sent)
        if (term := term_of(item, concept, "language")) is not None:
            spoken["language"] = term
        if (code := code_in(concept, systems.LANGUAGE) or first_code(concept)) is not None:
            spoken["language_code"] = code
    for sent in parts.get("interpreterrequired", ())[:1]:
        if isinstance(required := extension_value(sent), bool):
            spoken["interpreter_required"] = required
    return spoken


def _contact_persons(item: Item) -> list[NamedContact]:
    """Whom to reach about an appointment; the relationship comes as text."""
    found: list[NamedContact] = []
    for sent in item.many(item.resource.get("contact"), "contact"):
        contact: NamedContact = {"contacts": contacts_of(item, sent)}
        if (name := spoken_name(item, item.one(sent.get("name"), "contact.name"))) is not None:
            contact["name"] = name
        if (relationship := term_of(item, sent.get("relationship"), "contact.relationship")) is not None:
            contact["relationship"] = relationship
        found.append(contact)
    return found
