"""Words that were written in a consultation: an Observation that is no item of any area (digest §5.4.4)."""

from typing import Final

from bridge.areas.consultations.model import Narrative
from bridge.fhir.index import ReceivedEntry
from bridge.fhir.read import Item
from bridge.mapping.modifiers import note_modifiers
from bridge.mapping.provenance import security_labels
from bridge.mapping.reading import Reading
from bridge.mapping.set_aside import note_set_aside

_HOLDS: Final = frozenset({"final", "finished", "unknown", "amended", "corrected", None})
"""The page says `finished`, systems send `final` (OD-34)."""
_SET_ASIDE: Final = frozenset(
    {
        "bodySite",
        "component",
        "dataAbsentReason",
        "interpretation",
        "referenceRange",
        "valueBoolean",
        "valueCodeableConcept",
        "valueDateTime",
        "valuePeriod",
        "valueQuantity",
        "valueRange",
        "valueRatio",
    }
)
_KNOWN_EXTENSIONS: Final = frozenset({"daterecorded"})


def is_narrative(reading: Reading, received: ReceivedEntry) -> bool:
    """Whether an Observation is words of a consultation, and nothing else."""
    return received.kind == "Observation" and reading.uses.of(received.ref, received.resource) == "narrative"


def read_narrative(reading: Reading, item: Item) -> Narrative | None:
    """The words; None where there are none."""
    resource = item.resource
    # The comment is where they belong; a value in words is all there is in some systems.
    sent = [
        words
        for name in ("comment", "valueString")
        if (words := item.text(resource.get(name), name)) is not None
    ]
    if not sent:
        return None
    performers = reading.parties.each(item, resource.get("performer"), "performer")
    reading.growth.repeat(len(performers))
    narrative: Narrative = {
        "source_ref": item.ref,
        "text": "\n".join(dict.fromkeys(sent)),
        "performers": performers,
        "security_labels": security_labels(item),
    }
    if (recorded := item.date(resource.get("issued"), "issued")) is not None:
        narrative["recorded_at"] = recorded
    if (effective := item.date(resource.get("effectiveDateTime"), "effectiveDateTime")) is not None:
        narrative["effective"] = effective
    related = [each["target"] for each in item.many(resource.get("related"), "related") if "target" in each]
    if about := reading.links.many(item, related, "related.target"):
        narrative["about"] = about
    status = item.code(resource.get("status"), "status")
    if status is not None:
        narrative["status"] = status
    if status not in _HOLDS:
        item.note("unknown_status", "status")
        narrative["source_status"] = str(status)
    if not _KNOWN_EXTENSIONS.issuperset(item.extensions(resource)):
        item.note("unknown_extension", "extension")
    note_modifiers(reading, item)
    note_set_aside(item, resource, _SET_ASIDE)
    return narrative
