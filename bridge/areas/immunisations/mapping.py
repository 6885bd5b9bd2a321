"""Immunization to `Immunisation` (digest §5.3)."""

from typing import Final

from bridge.areas.immunisations.model import Immunisation, ImmunisationPerformer, PerformerRole, Protocol
from bridge.areas.immunisations.options import ImmunisationOptions
from bridge.areas.spec import AreaAnswer
from bridge.fhir.read import Item, JsonObject, extension_value
from bridge.mapping.coded import DEGRADED_RECORD_ENTRY, coded_text, concepts
from bridge.mapping.items import newest_first, read_items
from bridge.mapping.modifiers import note_modifiers
from bridge.mapping.provenance import item_id, provenance
from bridge.mapping.reading import Reading
from bridge.mapping.set_aside import note_set_aside
from bridge.mapping.values import notes, simple_quantity
from bridge.record.common import CodedText, Party

_AREA: Final = "immunisations"
_PROCEDURE: Final = "vaccinationprocedure"
_RECORDED: Final = ("daterecorded", "recordeddate")
_PARENT: Final = "parentpresent"
_KNOWN_EXTENSIONS: Final = frozenset({_PROCEDURE, *_RECORDED, _PARENT})
_ROLES: Final[dict[str, PerformerRole]] = {"AP": "administering", "EP": "entering"}
_NOT_GIVEN_REASONS: Final = ("reasonNotGiven", "notGivenReason")
"""The element, and what samples and systems call it (digest §5.3)."""
_SET_ASIDE: Final = frozenset({"reaction"})
_SET_ASIDE_OF_PROTOCOL: Final = frozenset({"authority", "series", "doseStatusReason"})


def map_immunisations(answer: AreaAnswer[ImmunisationOptions]) -> list[Immunisation]:
    """Every immunisation of the bundle, given or not; the newest first."""
    found = read_items(answer.reading, "Immunization", _AREA, _immunisation)
    return newest_first(found, lambda each: each.get("date"))


def _immunisation(reading: Reading, item: Item) -> Immunisation:
    resource = item.resource
    extensions = item.extensions(resource)
    performers = _performers(reading, item)
    encounter = item.reference(resource.get("encounter"), "encounter")
    origin = provenance(
        reading,
        item,
        recorder=_first(performers, "entering"),
        author=_first(performers, "administering"),
        encounter=encounter,
    )
    explanation = item.one(resource.get("explanation"), "explanation")
    protocols = [_protocol(item, each) for each in item.many(resource.get("vaccinationProtocol"), "protocol")]
    immunisation: Immunisation = {
        "item_id": item_id(item, origin["business_ids"]),
        "procedure": _procedure(item, extensions),
        "reported": "yes"
        if item.flag(resource.get("primarySource"), "primarySource") is False
        else "unknown",
        "reasons": concepts(item, explanation.get("reason"), "explanation.reason"),
        "not_given_reasons": [
            reason
            for name in _NOT_GIVEN_REASONS
            for reason in concepts(item, explanation.get(name), f"explanation.{name}")
        ],
        "target_diseases": [disease for each in protocols for disease in each["target_diseases"]],
        "protocols": protocols,
        "performers": performers,
        "notes": notes(item, resource.get("note")),
        "issue_codes": [],
        "provenance": origin,
    }
    _add_given(item, immunisation)
    _add_vaccine(item, immunisation)
    _add_dates(item, immunisation, extensions)
    _add_details(reading, item, immunisation)
    if (parent := item.flag(_value(extensions, _PARENT), "extension")) is not None:
        immunisation["parent_present"] = parent
    if not _KNOWN_EXTENSIONS.issuperset(extensions):
        item.note("unknown_extension", "extension")
    note_modifiers(reading, item)
    note_set_aside(item, resource, _SET_ASIDE)
    for each in item.many(resource.get("vaccinationProtocol"), "protocol"):
        note_set_aside(item, each, _SET_ASIDE_OF_PROTOCOL, "vaccinationProtocol.")
    immunisation["issue_codes"] = item.codes()
    return immunisation


def _procedure(item: Item, extensions: dict[str, list[JsonObject]]) -> CodedText:
    sent = _value(extensions, _PROCEDURE)
    return coded_text(item, sent, "extension", degrade_to=DEGRADED_RECORD_ENTRY)


def _value(extensions: dict[str, list[JsonObject]], *names: str) -> object:
    """The value of the first extension of these names that has one."""
    found = (extension_value(each) for name in names for each in extensions.get(name, ()))
    return next((value for value in found if value is not None), None)


def _add_given(item: Item, immunisation: Immunisation) -> None:
    """Whether it was given: by `notGiven` alone, and never by the state, which is "completed" of all."""
    resource = item.resource
    not_given = item.flag(resource.get("notGiven"), "notGiven")
    if not_given is None:
        item.note("given_unknown", "notGiven")
    elif not not_given and immunisation["not_given_reasons"]:
        item.note("status_conflict", "notGiven")
    else:
        immunisation["given"] = not not_given
    status = item.code(resource.get("status"), "status")
    if status != "completed":
        item.note("unknown_status", "status")
        if status is not None:
            immunisation["source_status"] = status
            if status == "entered-in-error":
                # It says of itself that it is none: that it was given must not be read from it.
                immunisation.pop("given", None)


def _add_vaccine(item: Item, immunisation: Immunisation) -> None:
    """A null flavour is no vaccine, whatever its words."""
    if "vaccineCode" not in item.resource:
        return
    vaccine = coded_text(item, item.resource["vaccineCode"], "vaccineCode")
    if vaccine["coding_quality"] in ("null_flavour", "empty"):
        immunisation["vaccine_absent_reason"] = vaccine
    else:
        immunisation["vaccine"] = vaccine


def _add_dates(item: Item, immunisation: Immunisation, extensions: dict[str, list[JsonObject]]) -> None:
    resource = item.resource
    if (given := item.date(resource.get("date"), "date")) is not None:
        immunisation["date"] = given
    if (recorded := item.date(_value(extensions, *_RECORDED), "extension")) is not None:
        immunisation["recorded_at"] = recorded
        immunisation["provenance"]["recorded_at"] = recorded
    if (expires := item.date(resource.get("expirationDate"), "expirationDate")) is not None:
        immunisation["expires"] = expires


def _add_details(reading: Reading, item: Item, immunisation: Immunisation) -> None:
    resource = item.resource
    if (batch := item.text(resource.get("lotNumber"), "lotNumber")) is not None:
        immunisation["batch"] = batch
    if "site" in resource:
        immunisation["site"] = coded_text(item, resource["site"], "site")
    if "route" in resource:
        immunisation["route"] = coded_text(item, resource["route"], "route")
    if dose := simple_quantity(item, item.one(resource.get("doseQuantity"), "doseQuantity"), "doseQuantity"):
        immunisation["dose"] = dose
    if "reportOrigin" in resource:
        immunisation["report_origin"] = coded_text(item, resource["reportOrigin"], "reportOrigin")
    if (location := reading.parties.party(item, resource.get("location"), "location")) is not None:
        immunisation["location"] = location
    manufacturer = reading.parties.party(item, resource.get("manufacturer"), "manufacturer")
    if manufacturer is not None:
        immunisation["manufacturer"] = manufacturer
    numbers = {each["dose_number"] for each in immunisation["protocols"] if "dose_number" in each}
    if len(numbers) == 1:
        [immunisation["dose_number"]] = numbers


def _performers(reading: Reading, item: Item) -> list[ImmunisationPerformer]:
    """Who took part; one entry may name both roles (digest §5.3)."""
    found: list[ImmunisationPerformer] = []
    for sent in item.many(item.resource.get("practitioner"), "practitioner"):
        party = reading.parties.party(item, sent.get("actor"), "practitioner.actor")
        if party is None:
            continue
        role = item.one(sent.get("role"), "practitioner.role")
        codings = item.many(role.get("coding"), "practitioner.role")
        codes = {item.code(each.get("code"), "practitioner.role") for each in codings}
        performer: ImmunisationPerformer = {
            "roles": [name for code, name in _ROLES.items() if code in codes],
            "party": party,
        }
        if role and not codes.intersection(_ROLES):
            performer["role_as_sent"] = coded_text(item, role, "practitioner.role")
        found.append(performer)
    reading.growth.repeat(len(found))
    return found


def _first(performers: list[ImmunisationPerformer], role: PerformerRole) -> Party | None:
    return next((each["party"] for each in performers if role in each["roles"]), None)


def _protocol(item: Item, sent: JsonObject) -> Protocol:
    path = "vaccinationProtocol"
    protocol: Protocol = {"target_diseases": concepts(item, sent.get("targetDisease"), path)}
    if (number := item.whole_number(sent.get("doseSequence"), path)) is not None:
        protocol["dose_number"] = number
    if (doses := item.whole_number(sent.get("seriesDoses"), path)) is not None:
        protocol["doses_in_series"] = doses
    if (description := item.text(sent.get("description"), path)) is not None:
        protocol["description"] = description
    if "doseStatus" in sent:
        codings = item.many(item.one(sent["doseStatus"], path).get("coding"), path)
        if "count" not in {item.code(each.get("code"), path) for each in codings}:
            protocol["dose_status"] = coded_text(item, sent["doseStatus"], path)
    return protocol
