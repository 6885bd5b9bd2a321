"""What an answer comes to in HL7 v2, as a receiver reads it."""

from base64 import b64decode
from typing import Any

import orjson

from bridge.areas import GpRecord
from bridge.hl7v2 import Message, read
from bridge.operations.rendered import rendered
from bridge.renderings.rendering import Hl7v2Options, Rendered, RenderingOptions, Withheld
from tests.support import bundles
from tests.support.bundles import Resource
from tests.support.mapped import mapped


def of_allergies(*sent: Resource, warnings: tuple[str, ...] = (), **asked: Any) -> GpRecord:
    """The record of a practice that sent these allergies; those that are not active in the list of ended ones."""
    active = [each for each in sent if each["clinicalStatus"] == "active"]
    targets = [f"AllergyIntolerance/{each['id']}" for each in active]
    ended = [each for each in sent if each not in active]
    return mapped(
        bundles.record(
            bundles.record_list(bundles.ALLERGIES_LIST, *targets, warnings=warnings),
            bundles.ended_list(*ended),
            *active,
        ),
        **asked,
    )


def told(record: GpRecord, area: str, options: Hl7v2Options | None = None) -> Message | Withheld:
    """What stands on the topic of an area: the message, or why there is none."""
    made = rendered(record, "hl7v2", RenderingOptions(hl7v2=options or Hl7v2Options()))
    (only,) = [each for each in made if each.topic == f"{area}.rendered.hl7v2.v1"]
    return er7(only) if isinstance(only, Rendered) else only


def message(record: GpRecord, area: str, options: Hl7v2Options | None = None) -> Message:
    """The message on the topic of an area, which is not withheld."""
    found = told(record, area, options)
    assert isinstance(found, Message), found
    return found


def er7(made: Rendered) -> Message:
    """The message that a CloudEvent carries."""
    event = orjson.loads(made.body)
    assert (event["id"], event["datacontenttype"]) == (made.id, "x-application/hl7-v2+er7")
    return read(b64decode(event["data_base64"]))


def kind(of: Message) -> str:
    return f"{of.header.code}^{of.header.trigger}"


def words(of: Message, code: str) -> list[str]:
    """The texts of its observations of a kind."""
    return [each.text(5) for each in of.all("OBX") if each.text(3) == code]
