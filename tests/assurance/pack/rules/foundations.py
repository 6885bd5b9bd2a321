"""Of finding and registering patients."""

from typing import Final

from bridge.sandbox import Call
from tests.assurance.pack import wire
from tests.assurance.pack.rules.rule import each, is_patient_search


def _registered(call: Call) -> wire.Json:
    found = wire.parameters(call).get("registerPatient", [])
    return dict(found[0]["resource"]) if len(found) == 1 else {}


def _official(call: Call) -> list[wire.Json]:
    return [one for one in _registered(call).get("name", []) if one.get("use") == "official"]


_FIELDS_OF_REGISTRATION: Final = {
    "resourceType", "meta", "identifier", "name", "telecom", "gender", "birthDate", "address", "extension",
}  # fmt: skip


FOUNDATIONS: Final = (
    each(
        "FN-006 FN-007",
        "the system of the NHS number, and no | that is not percent-encoded",
        is_patient_search,
        "find_patient",
    ),
    each(
        "FN-020 FN-033",
        "one registerPatient with its profile",
        lambda call: bool(_registered(call).get("meta", {}).get("profile")),
        "register_patient",
    ),
    each(
        "FN-021",
        "the NHS number",
        lambda call: "https://fhir.nhs.uk/Id/nhs-number" in wire.identifiers(_registered(call)),
        "register_patient",
    ),
    each(
        "FN-022 FN-023",
        "one official name, with family and given",
        lambda call: (
            len(_official(call)) == 1
            and bool(_official(call)[0].get("family") and _official(call)[0].get("given"))
        ),
        "register_patient",
    ),
    each(
        "FN-024", "the birth date", lambda call: bool(_registered(call).get("birthDate")), "register_patient"
    ),
    each(
        "FN-032",
        "no other field",
        lambda call: _registered(call).keys() <= _FIELDS_OF_REGISTRATION,
        "register_patient",
    ),
)
