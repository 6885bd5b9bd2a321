"""Immunisations to Immunization of R4.

One that was not given is `not-done`, with the reason, or with the statement that none is known
(ukcore-imm-1). One of which it cannot be told has no state, so that nobody takes it for given; nor has one
that was sent as given, but in another state than completed, or in none. `vaccineCode` is the product alone:
what was done stands in UK Core's VaccinationProcedure, and where no product is named none is made of that.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from bridge.fhir.systems import SNOMED
from bridge.record.dates import is_known
from bridge.renderings.fhir_r4.common import (
    Resource,
    absent,
    add_extension,
    annotations,
    concept,
    concept_of,
    put_date,
    simple_quantity,
)
from bridge.renderings.fhir_r4.items import Told, as_sent, note, put_encounter, start, state
from bridge.renderings.fhir_r4.scope import R4Scope
from bridge.renderings.fhir_r4.uk_core import CODES, UK_CORE
from bridge.renderings.rendering import Lost

_PERFORMERS: Final = frozenset({"Practitioner", "PractitionerRole", "Organization"})
_FUNCTIONS: Final = {"administering": "AP", "entering": "EP"}
_COMPLETED: Final = "completed"
_PROTOCOL: Final = "http://hl7.org/fhir/3.0/StructureDefinition/extension-Immunization.vaccinationProtocol"
_DAY: Final = len("2004-05-06")

LOSSES: Final[Sequence[Lost]] = (
    Lost("immunisations.items.vaccine_absent_reason", "Its words alone: a null flavour is no vaccine."),
    Lost("immunisations.items.target_diseases", "They stand in `protocolApplied`, each with its protocol."),
    *(
        Lost(
            f"immunisations.items.not_given_reasons.{name}",
            "R4 has one reason; of further ones, and where it may have been given, the words stand in notes.",
        )
        for name in ("codings", "coding_quality")
    ),
    Lost("immunisations.items.dose_number", "It stands in `protocolApplied`."),
    Lost(
        "immunisations.items.route.codings",
        "UK Core allows SNOMED CT alone; of other codes the words stand in `text`.",
    ),
)


def resources(items: Sequence[Told], scope: R4Scope) -> list[Resource]:
    """An Immunization for each item, in their order."""
    return [_immunization(scope, item) for item in items]


def _immunization(scope: R4Scope, item: Told) -> Resource:
    resource = start(scope, "Immunization", item)
    resource["extension"] = _extensions(scope, item)
    notes = [*annotations(item["notes"]), *map(note, _add_status(scope, resource, item))]
    resource["vaccineCode"] = _vaccine(scope, item)
    resource["patient"] = scope.patient
    put_encounter(scope, resource, item)
    _add_dates(resource, item)
    _add_details(scope, resource, item)
    if performers := list(_performers(scope, item)):
        resource["performer"] = performers
    if item["reasons"]:
        resource["reasonCode"] = [concept(each, scope.profile) for each in item["reasons"]]
    if item["protocols"]:
        resource["protocolApplied"] = [_protocol(scope, each) for each in item["protocols"]]
    if notes:
        resource["note"] = notes
    return resource


def _extensions(scope: R4Scope, item: Told) -> list[Resource]:
    procedure = concept(item["procedure"], scope.profile)
    url = f"{UK_CORE}Extension-UKCore-VaccinationProcedure"
    found = [{"url": url, "valueCodeableConcept": procedure}]
    if "parent_present" in item:
        url = f"{UK_CORE}Extension-UKCore-ParentPresent"
        found.append({"url": url, "valueBoolean": item["parent_present"]})
    return found


def _add_status(scope: R4Scope, resource: Resource, item: Told) -> Iterator[str]:
    """The state, by whether it was given; what has no place beside it is told in notes."""
    given = item.get("given")
    reasons = item["not_given_reasons"]
    sent = state(item, _COMPLETED)
    if sent == "entered-in-error":
        resource["status"] = sent
    elif given is None:
        resource["_status"] = absent("unknown")
        yield "It cannot be told whether it was given."
    elif given and sent == _COMPLETED:
        resource["status"] = sent
    elif given:
        resource["_status"] = absent("unknown")
        yield "It was sent as given, but not as completed."
    else:
        resource["status"] = "not-done"
        resource["statusReason"] = concept(reasons[0], scope.profile) if reasons else absent("unknown")
        reasons = reasons[1:]
    if sent not in (None, _COMPLETED, "entered-in-error"):
        add_extension(resource.setdefault("_status", {}), as_sent(sent))
    yield from (f"Reason for not giving it, as sent: {each['term']}" for each in reasons)


def _vaccine(scope: R4Scope, item: Told) -> Resource:
    if "vaccine" in item:
        return concept(item["vaccine"], scope.profile)
    if "vaccine_absent_reason" in item:
        return concept(item["vaccine_absent_reason"], scope.profile)
    return absent("unknown")


def _add_dates(resource: Resource, item: Told) -> None:
    """When it was given, or that it is not known: a date that cannot be read stays as its words."""
    given = item.get("date")
    if given is None:
        resource["_occurrenceDateTime"] = absent("unknown")
    elif is_known(given):
        put_date(resource, "occurrenceDateTime", given)
    else:
        resource["occurrenceString"] = given["value"]
    put_date(resource, "recorded", item.get("recorded_at"))
    put_date(resource, "expirationDate", item.get("expires"))
    if "expirationDate" in resource:
        resource["expirationDate"] = resource["expirationDate"][:_DAY]  # R4 has a day here


def _add_details(scope: R4Scope, resource: Resource, item: Told) -> None:
    if item["reported"] == "yes":
        resource["primarySource"] = False
    if "report_origin" in item:
        resource["reportOrigin"] = concept(item["report_origin"], scope.profile)
    if "location" in item:
        resource["location"] = scope.party(item["location"], {"Location"})
    if "manufacturer" in item:
        resource["manufacturer"] = scope.party(item["manufacturer"], {"Organization"})
    if "batch" in item:
        resource["lotNumber"] = item["batch"]
    if "site" in item:
        resource["site"] = concept(item["site"], scope.profile)
    if "route" in item:
        resource["route"] = _route(concept(item["route"], scope.profile))
    if "dose" in item:
        resource["doseQuantity"] = simple_quantity(item["dose"])


def _route(route: Resource) -> Resource:
    """By UK Core each of its codings is one of SNOMED CT, with its words."""
    codings = [
        each
        for each in route.pop("coding", ())
        if each.get("system") == SNOMED and "code" in each and "display" in each
    ]
    return {"coding": codings, **route} if codings else route


def _performers(scope: R4Scope, item: Told) -> Iterator[Resource]:
    """One for each role that somebody had."""
    for each in item["performers"]:
        actor = {"actor": scope.party(each["party"], _PERFORMERS)}
        for role in each["roles"]:
            yield {"function": concept_of(f"{CODES}v2-0443", _FUNCTIONS[role]), **actor}
        if "role_as_sent" in each:
            yield {"function": concept(each["role_as_sent"], scope.profile), **actor}
        elif not each["roles"]:
            yield actor


def _protocol(scope: R4Scope, item: Told) -> Resource:
    resource: Resource = {}
    if "description" in item:
        add_extension(resource, {"url": f"{_PROTOCOL}.description", "valueString": item["description"]})
    if "dose_status" in item:
        status = concept(item["dose_status"], scope.profile)
        add_extension(resource, {"url": f"{_PROTOCOL}.doseStatus", "valueCodeableConcept": status})
    if item["target_diseases"]:
        resource["targetDisease"] = [concept(each, scope.profile) for each in item["target_diseases"]]
    _put_number(resource, "doseNumber", item.get("dose_number"))
    if "doseNumberPositiveInt" not in resource and "doseNumberString" not in resource:
        resource["_doseNumberPositiveInt"] = absent("unknown")
    _put_number(resource, "seriesDoses", item.get("doses_in_series"))
    return resource


def _put_number(resource: Resource, name: str, number: int | None) -> None:
    """A number that is none of R4's positive ones is words."""
    if number is not None and number > 0:
        resource[f"{name}PositiveInt"] = number
    elif number is not None:
        resource[f"{name}String"] = str(number)
