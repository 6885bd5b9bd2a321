"""What is published of problems."""

from typing import Final

from pydantic import with_config

from bridge.areas.events import AreaChanged, AreaPublished
from bridge.areas.problems.model import Problem
from bridge.contracts.changes import ItemChange
from bridge.record.common import STRICT

PROBLEMS_PUBLISHED: Final = "problems.published.v1"


@with_config(STRICT)
class ProblemsPublished(AreaPublished):
    """``problems.published.v1``: what the practice holds for problems of the patient.

    What belongs to one is published in the event of its own area, to which the links lead.
    """

    items: list[Problem]
    """The active ones first, then by their onset, the newest first."""


@with_config(STRICT)
class ProblemsChanged(AreaChanged):
    """``problems.changed.v1``: what became of problems since they were told last."""

    changes: list[ItemChange[Problem]]
    """By `item_id`."""
