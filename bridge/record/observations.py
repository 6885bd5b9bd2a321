"""An Observation, whatever area it is of: a measurement, finding, result or status entry (digest §5.4)."""

from typing import Any, Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.record.common import (
    STRICT,
    AreaItem,
    CodedText,
    Link,
    NonEmptyText,
    PartialDate,
    Party,
    Quantity,
)

BloodPressure = Literal["panel", "systolic", "diastolic"]


@with_config(STRICT)
class QuantityValue(TypedDict):
    """A number with what it is a number of. Never show it without `comparator` and `approximate`."""

    kind: Literal["quantity"]
    value: NotRequired[float]
    value_as_sent: NotRequired[NonEmptyText]
    """The number with the digits it was sent with, where `value` cannot hold them: `1.50`."""
    comparator: NotRequired[NonEmptyText]
    """`<`, `<=`, `>=` or `>`: the amount is not `value` but on that side of it."""
    unit: NotRequired[NonEmptyText]
    """Absent: the practice sent none, and none may be assumed."""
    code: NotRequired[NonEmptyText]
    """Of the unit, in the code system `code_system`."""
    code_system: NotRequired[NonEmptyText]
    approximate: NotRequired[bool]
    """Present, and true, where the practice says that the number is only about right."""
    read_from: NotRequired[Literal["comment"]]
    """The number was not sent as one: it was read from the words of `comment`, which count."""


@with_config(STRICT)
class CodedValue(TypedDict):
    """A coded finding."""

    kind: Literal["coded"]
    value: CodedText


@with_config(STRICT)
class TextValue(TypedDict):
    """Words, with their layout; or a time of day (`kind` time, `hh:mm:ss`)."""

    kind: Literal["text", "time"]
    value: NonEmptyText


@with_config(STRICT)
class BooleanValue(TypedDict):
    """Yes or no."""

    kind: Literal["boolean"]
    value: bool


@with_config(STRICT)
class DateTimeValue(TypedDict):
    """A date, as precise as it was sent."""

    kind: Literal["date_time"]
    value: PartialDate


@with_config(STRICT)
class PeriodValue(TypedDict):
    """A time with a start and an end, either of which may not be known."""

    kind: Literal["period"]
    start: NotRequired[PartialDate]
    end: NotRequired[PartialDate]


@with_config(STRICT)
class RangeValue(TypedDict):
    """Between two amounts."""

    kind: Literal["range"]
    low: NotRequired[Quantity]
    high: NotRequired[Quantity]


@with_config(STRICT)
class RatioValue(TypedDict):
    """One amount to another, such as a titre."""

    kind: Literal["ratio"]
    numerator: NotRequired[Quantity]
    denominator: NotRequired[Quantity]


@with_config(STRICT)
class OtherValue(TypedDict):
    """A value of a type that no practice should send (SampledData, Attachment), passed on as it is."""

    kind: Literal["other"]
    fhir_type: NonEmptyText
    value: Any


ObservationValue = (
    QuantityValue
    | CodedValue
    | TextValue
    | BooleanValue
    | DateTimeValue
    | PeriodValue
    | RangeValue
    | RatioValue
    | OtherValue
)
"""What was found, by `kind`."""


@with_config(STRICT)
class ReferenceRange(TypedDict):
    """What the one who measured holds for usual: limits, words, or both."""

    low: NotRequired[Quantity]
    high: NotRequired[Quantity]
    text: NotRequired[NonEmptyText]
    """The range in words; of one limit alone it is all that was sent (`< 5`)."""
    meaning: NotRequired[CodedText]
    """What kind of range it is, where that was sent."""
    applies_to: NotRequired[list[CodedText]]
    age: NotRequired[RangeValue]
    read_from: NotRequired[Literal["comment"]]
    """It was read from the words of the observation's `comment`."""


@with_config(STRICT)
class Component(TypedDict):
    """One of several values of an observation, such as the systolic blood pressure."""

    code: CodedText
    value: NotRequired[ObservationValue]
    absent_reason: NotRequired[CodedText]
    """Why there is no value: this half was not measured, or is not known."""
    interpretation: NotRequired[CodedText]
    reference_ranges: list[ReferenceRange]
    blood_pressure: NotRequired[BloodPressure]
    """Which pressure it is, by its code (CS-100)."""


@with_config(STRICT)
class Answer(TypedDict):
    """One answer of a questionnaire whose result this observation is."""

    question: NotRequired[NonEmptyText]
    answer: NotRequired[Link]
    """To the observation that holds the answer."""
    text: NotRequired[NonEmptyText]
    """The answer, where it was sent as a value of its own."""


@with_config(STRICT)
class RelatedObservation(TypedDict):
    """Another observation that this one names otherwise than as member or whole."""

    relation: NonEmptyText
    """As sent: `sequel-to`, `replaces`, `qualified-by`, `interfered-by`; `unknown` where none was."""
    target: Link


@with_config(STRICT)
class Observation(AreaItem):
    """One Observation.

    `code` alone may say the opposite of what is meant: qualifiers such as "family history of" or "no evidence
    of" stand in `comment`. Show, export and render the two together, always.
    """

    code: CodedText
    components: list[Component]
    """Values that belong together, such as both blood pressures; then there is no `value` as a rule."""
    reference_ranges: list[ReferenceRange]
    performers: list[Party]
    members: list[Link]
    """Observations that this one is the heading of."""
    part_of: list[Link]
    """The observation that this one stands under."""
    value: NotRequired[ObservationValue]
    absent_reason: NotRequired[CodedText]
    """Why there is no value."""
    status: NotRequired[NonEmptyText]
    """As sent: `final` of most; `unknown`, or `preliminary` of results. `entered-in-error`, `cancelled` and
    whatever GP Connect does not use have the issue code `unknown_status`: do not take such a one for a
    finding."""
    effective: NotRequired[PartialDate]
    """When it was so, or was measured: the clinical date. Of a period, its start."""
    effective_to: NotRequired[PartialDate]
    recorded_at: NotRequired[PartialDate]
    """When it was entered (FHIR issued): for audit, never the clinical date (digest §5.4.1)."""
    comment: NotRequired[NonEmptyText]
    """The qualifiers of `code` first, then the practice's own words; layout as sent."""
    interpretation: NotRequired[CodedText]
    """`term_from` note: it was read from the words of `comment`."""
    body_site: NotRequired[CodedText]
    method: NotRequired[CodedText]
    categories: NotRequired[list[CodedText]]
    specimen: NotRequired[Link]
    related: NotRequired[list[RelatedObservation]]
    answers: NotRequired[list[Answer]]
    """What was answered, where it is the result of a questionnaire."""
    blood_pressure: NotRequired[BloodPressure]
    """Which pressure it is, by its code, measured together or alone (CS-100). Pair no two by their time."""
    immunisation_status: NotRequired[bool]
    """Present, and true, of what stands among the immunisations: consent, dissent, an invitation and so on.
    Several may contradict each other."""
