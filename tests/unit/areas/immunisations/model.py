from typing import NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.record import CodedText, Provenance
from bridge.record.common import STRICT


@with_config(STRICT)
class Immunisation(TypedDict):
    """One Immunization."""

    item_id: str
    procedure: CodedText
    """What was given."""
    provenance: Provenance
    issue_codes: list[str]


@with_config(STRICT)
class ImmunisationFields(TypedDict):
    """What a record has of this area."""

    immunisations: NotRequired[list[Immunisation]]
