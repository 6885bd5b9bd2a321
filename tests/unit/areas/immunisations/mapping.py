from bridge.areas.spec import AreaAnswer
from bridge.fhir.read import Item
from bridge.mapping.coded import coded_text
from bridge.mapping.provenance import item_id, keep_apart, provenance
from bridge.mapping.reading import Reading
from tests.unit.areas.immunisations.model import Immunisation
from tests.unit.areas.immunisations.options import ImmunisationOptions


def map_immunisations(answer: AreaAnswer[ImmunisationOptions]) -> list[Immunisation]:
    reading = answer.reading
    found: list[Immunisation] = []
    for received in reading.distinct("Immunization", "immunisations"):
        read = reading.read(received, "immunisations", lambda item: _read(reading, item))
        if read is not None:
            reading.keep(received)
            found.append(read)
    keep_apart(reading, found)
    return sorted(found, key=lambda each: each["item_id"])


def _read(reading: Reading, item: Item) -> Immunisation:
    origin = provenance(reading, item)
    return {
        "item_id": item_id(item, origin["business_ids"]),
        "procedure": coded_text(item, item.resource["vaccineCode"], "vaccineCode"),
        "provenance": origin,
        "issue_codes": item.codes(),
    }
