"""What is told of a record that was asked for before: how it differs from what was told last."""

from typing import Generic, Literal, NotRequired, TypeVar

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.record.common import STRICT, NonEmptyText

ItemT = TypeVar("ItemT")

ChangeOp = Literal["added", "changed", "ended", "not_returned", "returned_again"]
WholeBecause = Literal["first", "practice_changed", "base_unusable", "more_asked"]
"""Why there is nothing that the items could be compared with.

`first`: nothing was told before, or it is too long ago. `practice_changed`: it was another practice's record,
whose ids mean nothing here. `base_unusable`: what was kept of it cannot be opened or read. `more_asked`: less
of each item was asked for before.
"""
NotCompared = Literal[
    "patient_in_review", "practice_unknown", "older_answer", "less_asked", "ids_repeat", "busy", "too_large"
]
"""Why nothing is told of changes: what was told last stays what the next answer is compared with.

`patient_in_review`: a person must look at the patient's details first. `practice_unknown`: the answer does
not say whose it is. `older_answer`: a newer one has been told of. `less_asked`: more of each item was asked
for before. `ids_repeat`: two items have one id. `busy`: answers about this patient ended one after the other
all the while. `too_large`: no broker takes the event of one of the areas, and claim checks are off, so that
none is told.
"""


@with_config(STRICT)
class ItemChange(TypedDict, Generic[ItemT]):
    """What became of one item."""

    op: ChangeOp
    """`ended`: the practice's record now says that it is over, and did not before. `not_returned`: it did not
    come, which is not that it was deleted: never delete for it. `returned_again`: it was `not_returned`."""
    item_id: NonEmptyText
    before_hash: NotRequired[NonEmptyText]
    """`sha256:` of the item as it was told last; absent where it was `added`."""
    after_hash: NotRequired[NonEmptyText]
    """`sha256:` of the item as it is now; absent where it was `not_returned`. To be compared with each other
    only: what differs from one retrieval to the next without a change is left out of it."""
    may_be_hidden: NotRequired[bool]
    """With `not_returned`, always. True: this answer or the one before is not all there is, or a part of the
    area was asked for, so the item may stand in the record as before."""
    item: NotRequired[ItemT]
    """As it is now, whole; absent where it was `not_returned`."""


@with_config(STRICT)
class ChangedSince(TypedDict):
    """Stands in every event of changes."""

    base_snapshot_id: NonEmptyText | None
    """The `snapshot_id` of the event of changes before this one, of this area and patient. Whoever holds
    another one has missed something, and takes the whole area from the event that is published beside this
    one. None: `changes` is all that came of the area, all `added`. Where `covers` is `all_items`, what was
    known of it and is not among them was not returned, as far as this is the same practice's record
    (`whole_because`)."""
    covers: Literal["all_items", "returned_items"]
    """`returned_items`: of an item that is not among the changes nothing is known, because only a part of the
    area was asked for, or the practice did not answer for it: it is as it was told last."""
    whole_because: NotRequired[WholeBecause]
    """Where `base_snapshot_id` is None."""


@with_config(STRICT)
class AreaCompared(TypedDict):
    """What a comparison of one area came to."""

    area: NonEmptyText
    outcome: Literal["unchanged", "changed", "whole", "not_compared"]
    """`unchanged`: what was asked for is as it was told last; no event tells so. `changed`, `whole`: an event
    of changes was published. `not_compared`: none was."""
    base_snapshot_id: NotRequired[NonEmptyText]
    """What it was compared with. While an area is unchanged, that stays the same."""
    reason: NotRequired[WholeBecause | NotCompared]
    """With `whole` and `not_compared`."""
