"""Of documents."""

from typing import Final

from tests.assurance.pack import wire
from tests.assurance.pack.rules.rule import each, is_patient_search

DOCUMENTS: Final = (
    each(
        "DO-003 DO-004",
        "the system of the NHS number, and no | that is not percent-encoded",
        is_patient_search,
        "documents_patient",
    ),
    each(
        "DO-007",
        "four _include parameters",
        lambda call: len(wire.values(call, "_include")) == 4,
        "documents_search",
    ),
    each(
        "DO-008",
        "_revinclude:recurse=PractitionerRole:practitioner",
        lambda call: "PractitionerRole:practitioner" in wire.values(call, "_revinclude:recurse"),
        "documents_search",
    ),
)
