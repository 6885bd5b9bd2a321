"""One diary entry, as it is published."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from bridge.record.common import STRICT, AreaItem, CodedText, Link, NonEmptyText, Note, PartialDate, Party

Due = TypedDict(
    "Due",
    {
        "from": NotRequired[
            Annotated[
                PartialDate,
                Field(
                    description="The day, or the start of the period. Without `to` it cannot be told whether "
                    "it is the earliest day, the latest or about the day."
                ),
            ]
        ],
        "to": NotRequired[Annotated[PartialDate, Field(description="The end of the period.")]],
    },
)
"""When something is planned for."""
with_config(STRICT)(Due)


@with_config(STRICT)
class DiaryEntry(AreaItem):
    """One ProcedureRequest that is a plan: an action that was planned and is not complete.

    That is what it means whatever `code` says, which may be one that elsewhere means that the thing was done
    or is so: never take `code` out of this item without `meaning` (CS-107 to CS-109), or
    without `do_not_perform` where that is there.
    """

    meaning: Literal["planned_not_done"]
    """Of every diary entry. To be kept wherever the code goes."""
    code: CodedText
    """What is planned; not what was done, found or diagnosed."""
    reasons: list[CodedText]
    """Why it is planned."""
    documents: list[Link]
    """Documents that belong to it."""
    notes: list[Note]
    do_not_perform: NotRequired[bool]
    """Present, and true, when the practice sent that this is NOT to be done. GP Connect does not use that
    element; whoever sees the `code` must see it too."""
    due: NotRequired[Due]
    """When it is planned for. If that is past, it is overdue, or was done and never ticked off (CS-111)."""
    entered_at: NotRequired[PartialDate]
    """When it was entered."""
    originated_at: NotRequired[PartialDate]
    """When it was decided: the date of its consultation where that was sent, else that of its entry
    (CS-110)."""
    requester: NotRequired[Party]
    """Who planned it."""
    consultation: NotRequired[Link]
    """The consultation that it comes from."""
    source_status: NotRequired[NonEmptyText]
    """The state as sent, where it is another than "active"; it changes nothing of `meaning`."""


@with_config(STRICT)
class DiaryFields(TypedDict):
    """What a record has of this area."""

    diary_entries: NotRequired[list[DiaryEntry]]
    """Planned actions that are not complete, the earliest first. Some may have been done; medication reviews
    may stand elsewhere too."""
