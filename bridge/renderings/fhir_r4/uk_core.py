"""URLs of FHIR R4, of UK Core and of our own that resources name."""

from typing import Final

HL7: Final = "http://hl7.org/fhir/StructureDefinition/"
CODES: Final = "http://terminology.hl7.org/CodeSystem/"
UK_CORE: Final = "https://fhir.hl7.org.uk/StructureDefinition/"
UK_CORE_CODES: Final = "https://fhir.hl7.org.uk/CodeSystem/"
OWN: Final = "urn:gpconnect-bridge:r4:"
"""Extensions for what the record says and neither R4 nor UK Core has a place for."""

DATA_ABSENT_REASON: Final = f"{HL7}data-absent-reason"
AS_SENT: Final = f"{OWN}as-sent"
"""The text that the practice sent where R4 cannot hold it: a date that is none, for example."""
ITEM_ID: Final = "urn:gpconnect-bridge:item-id"
"""Identifier system of an item's `item_id`, as the events have it."""
SOURCE_REF: Final = "urn:gpconnect-bridge:source-ref"
"""Identifier system of `Type/id` as the practice sent it."""
ISSUE_CODE: Final = "urn:gpconnect-bridge:issue-code"
"""Code system of `issue_codes` (tags of resources) and of the issues of the OperationOutcome."""
ACT_CODE: Final = f"{CODES}v3-ActCode"
"""Of security labels: `NOPAT`."""
DESCRIPTION_TERM: Final = f"{UK_CORE}Extension-UKCore-CodingSCTDescDisplay"
DESCRIPTION_ID: Final = f"{UK_CORE}Extension-UKCore-CodingSCTDescId"


def profile_of(kind: str) -> str:
    """The UK Core profile of a type of resource, or a further one of it: `Observation-Lab`."""
    return f"{UK_CORE}UKCore-{kind}"
