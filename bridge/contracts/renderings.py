"""Further forms of an answer: which a request may ask for, and what the manifest says of them."""

from typing import Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.record.common import STRICT, NonEmptyText

RenderingName = Literal["r4", "hl7v2", "changes"]
"""As a request and ``BRIDGE_RENDERINGS`` name a form."""
WithheldReason = Literal[
    "area_incomplete",
    "patient_in_review",
    "field_too_long",
    "not_expressible",
    "too_large",
    "internal_error",
]
"""Why a form was not published.

`area_incomplete`: an area is partial, withheld or failed, and the form would be read as all there is.
`patient_in_review`: a person must look at the patient's details first. `field_too_long`: a field would have
to be cut. `not_expressible`: the form has no way to say something that must be said. `too_large`: no
broker takes such a message, or one that it must not go without, and claim checks are off. `internal_error`: a
fault of ours; it is in the log.
"""


@with_config(STRICT)
class RenderingOutcome(TypedDict):
    """What became of one message of a further form of the answer."""

    rendering: NonEmptyText
    """As the request or the site names the form."""
    outcome: Literal["rendered", "withheld"]
    """`withheld`: this message is not published; what the events say holds. Where another outcome names the
    same topic, that is what is told in its place: a report in words.
    """
    topic: NotRequired[NonEmptyText]
    """Absent where the form as a whole was withheld."""
    event_id: NotRequired[NonEmptyText]
    """Of the message that was published; another one on its topic has another."""
    reason: NotRequired[WithheldReason]
    detail: NotRequired[NonEmptyText]
    """Which field or area, and the rule; never patient data."""
