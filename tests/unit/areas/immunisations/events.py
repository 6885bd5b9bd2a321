from pydantic import with_config

from bridge.areas.events import RecordHeader, answered, content_hash, header, record_event
from bridge.contracts.events import Event
from bridge.record import Area, Issue, Retrieved, Unmapped
from bridge.record.common import STRICT
from tests.unit.areas.immunisations.model import Immunisation, ImmunisationFields
from tests.unit.areas.immunisations.options import ImmunisationOptions

IMMUNISATIONS_PUBLISHED = "immunisations.published.v1"


@with_config(STRICT)
class ImmunisationsPublished(RecordHeader):
    """``immunisations.published.v1``: every immunisation."""

    area: Area
    content_hash: str
    items: list[Immunisation]
    unmapped: list[Unmapped]
    issues: list[Issue]


class _Record(Retrieved, ImmunisationFields):
    pass


def immunisations_published(record: _Record, _: ImmunisationOptions | None) -> Event:
    items = record["immunisations"]
    data: ImmunisationsPublished = {
        **header(record),
        "area": answered(record, "immunisations"),
        "content_hash": content_hash(items),
        "items": items,
        "unmapped": [each for each in record["unmapped"] if each.get("area") == "immunisations"],
        "issues": record["issues"],
    }
    return record_event(IMMUNISATIONS_PUBLISHED, record, data)
