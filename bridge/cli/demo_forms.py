"""One allergy of the demonstration in each form in which it is published."""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final

import orjson
from rich.table import Table
from rich.text import Text

from bridge.areas.allergies.events import ALLERGIES_PUBLISHED
from bridge.cli.tables import titled
from bridge.hl7v2 import read

WANTED: Final = ("r4", "hl7v2")
"""The further forms that the request asks for."""

_R4: Final = "record.rendered.r4.v1"
_HL7V2: Final = "allergies.rendered.hl7v2.v1"
_SHOWN: Final = ("item_id", "substance", "clinical_status", "category", "reactions")


def forms_table(events: Mapping[str, Mapping[str, Any]], name: str) -> Table:
    """The first allergy as JSON, in FHIR R4 and in HL7 v2.

    Args:
        events: whole ones, by their routing keys.
        name: of the request.
    """
    table = titled(f"{name}: one allergy, in three forms", ("topic", "what stands there"), whole={"topic"})
    data = events[ALLERGIES_PUBLISHED]["data"]
    item = next(each for each in data["items"] if each["clinical_status"] == "active")
    table.add_row(ALLERGIES_PUBLISHED, _json({key: item[key] for key in _SHOWN if key in item}))
    if _R4 in events:
        table.add_row(_R4, _json(_resource(events[_R4]["data"], item["substance"]["term"])))
    if _HL7V2 in events:
        table.add_row(_HL7V2, _segments(b64decode(events[_HL7V2]["data_base64"])))
    return table


def _resource(bundle: Mapping[str, Any], term: str) -> Mapping[str, Any]:
    resources = (entry["resource"] for entry in bundle["entry"])
    return next(
        {key: each[key] for key in ("resourceType", "clinicalStatus", "code", "reaction") if key in each}
        for each in resources
        if each["resourceType"] == "AllergyIntolerance" and each["code"].get("text", term) == term
    )


def _segments(body: bytes) -> Text:
    """The head, the allergies, and of a report its words."""
    message = read(body)
    names = ("MSH", "AL1") if message.all("AL1") else ("MSH", "OBR", "OBX")
    lines = body.decode(message.header.charset.codec).split("\r")
    return Text("\n".join(line for line in lines if line.startswith(names)))


def _json(value: object) -> Text:
    return Text(orjson.dumps(value).decode())
