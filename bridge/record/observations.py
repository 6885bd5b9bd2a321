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
    """Which of the values it is."""
    value: NotRequired[float]
    """The number. Absent where only words or a unit were sent."""
    value_as_sent: NotRequired[NonEmptyText]
    """The number with the digits it was sent with, where `value` cannot hold them: `1.50`."""
    comparator: NotRequired[NonEmptyText]
    """`<`, `<=`, `>=` or `>`: the amount is not `value` but on that side of it."""
    unit: NotRequired[NonEmptyText]
    """Absent: the practice sent none, and none may be assumed."""
    code: NotRequired[NonEmptyText]
    """Of the unit, in the code system `code_system`."""
    code_system: NotRequired[NonEmptyText]
    """Of `code`; UCUM as a rule."""
    approximate: NotRequired[bool]
    """Present, and true, where the practice says that the number is only about right."""
    read_from: NotRequired[Literal["comment"]]
    """The number was not sent as one: it was read from the words of `comment`, which count."""


@with_config(STRICT)
class CodedValue(TypedDict):
    """A coded finding."""

    kind: Literal["coded"]
    """Which of the values it is."""
    value: CodedText
    """The concept."""


@with_config(STRICT)
class TextValue(TypedDict):
    """Words, with their layout; or a time of day (`kind` time, `hh:mm:ss`)."""

    kind: Literal["text", "time"]
    """Which of the values it is."""
    value: NonEmptyText
    """The words, or the time of day."""


@with_config(STRICT)
class BooleanValue(TypedDict):
    """Yes or no."""

    kind: Literal["boolean"]
    """Which of the values it is."""
    value: bool
    """The answer."""


@with_config(STRICT)
class DateTimeValue(TypedDict):
    """A date, as precise as it was sent."""

    kind: Literal["date_time"]
    """Which of the values it is."""
    value: PartialDate
    """The date."""


@with_config(STRICT)
class PeriodValue(TypedDict):
    """A time with a start and an end, either of which may not be known."""

    kind: Literal["period"]
    """Which of the values it is."""
    start: NotRequired[PartialDate]
    """Absent: not known."""
    end: NotRequired[PartialDate]
    """Absent: not known, or not over."""


@with_config(STRICT)
class RangeValue(TypedDict):
    """Between two amounts."""

    kind: Literal["range"]
    """Which of the values it is."""
    low: NotRequired[Quantity]
    """The lower end. Absent: open."""
    high: NotRequired[Quantity]
    """The upper end. Absent: open."""


@with_config(STRICT)
class RatioValue(TypedDict):
    """One amount to another, such as a titre."""

    kind: Literal["ratio"]
    """Which of the values it is."""
    numerator: NotRequired[Quantity]
    """The one amount."""
    denominator: NotRequired[Quantity]
    """The amount that it is put to."""


@with_config(STRICT)
class OtherValue(TypedDict):
    """A value of a type that no practice should send (SampledData, Attachment), passed on as it is."""

    kind: Literal["other"]
    """Which of the values it is."""
    fhir_type: NonEmptyText
    """Its type in FHIR."""
    value: Any
    """As it was sent."""


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
    """The lower limit; without a unit it is in that of the value."""
    high: NotRequired[Quantity]
    """The upper limit."""
    text: NotRequired[NonEmptyText]
    """The range in words; of one limit alone it is all that was sent (`< 5`)."""
    meaning: NotRequired[CodedText]
    """What kind of range it is, where that was sent."""
    applies_to: NotRequired[list[CodedText]]
    """Whom it is for, where that was sent."""
    age: NotRequired[RangeValue]
    """The ages that it is for, where they were sent."""
    read_from: NotRequired[Literal["comment"]]
    """It was read from the words of the observation's `comment`."""


@with_config(STRICT)
class Component(TypedDict):
    """One of several values of an observation, such as the systolic blood pressure."""

    code: CodedText
    """What this value is of."""
    value: NotRequired[ObservationValue]
    """What was found; absent where there is none."""
    absent_reason: NotRequired[CodedText]
    """Why there is no value: this half was not measured, or is not known."""
    interpretation: NotRequired[CodedText]
    """What the practice makes of this value, such as high."""
    reference_ranges: list[ReferenceRange]
    """What is usual for this value."""
    blood_pressure: NotRequired[BloodPressure]
    """Which pressure it is, by its code (CS-100)."""


@with_config(STRICT)
class QuestionnaireAnswer(TypedDict):
    """One answer of a questionnaire whose result this observation is."""

    source_ref: NonEmptyText
    """`Type/id` of the response that it comes from."""
    question: NotRequired[NonEmptyText]
    """In words; for want of these the name that the questionnaire has for it."""
    answer: NotRequired[Link]
    """To the observation that holds the answer."""
    value: NotRequired[ObservationValue]
    """The answer, where it was sent as a value of its own. With neither, none was given."""


@with_config(STRICT)
class RelatedObservation(TypedDict):
    """Another observation that this one names otherwise than as member or whole."""

    relation: NonEmptyText
    """As sent: `sequel-to`, `replaces`, `qualified-by`, `interfered-by`; `unknown` where none was."""
    target: Link
    """The other observation."""


@with_config(STRICT)
class Observation(AreaItem):
    """One Observation.

    `code` alone may say the opposite of what is meant: qualifiers such as "family history of" or "no evidence
    of" stand in `comment`. Show, export and render the two together, always.
    """

    code: CodedText
    """What was measured, found or noted. Never without `comment`."""
    components: list[Component]
    """Values that belong together, such as both blood pressures; then there is no `value` as a rule."""
    reference_ranges: list[ReferenceRange]
    """What is usual for `value`."""
    performers: list[Party]
    """Who did it, or is responsible; else who entered it. None of some."""
    members: list[Link]
    """Observations that this one is the heading of."""
    part_of: list[Link]
    """The observation that this one stands under."""
    value: NotRequired[ObservationValue]
    """What was found. Absent: none was sent; of several values, see `components`."""
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
    """Where on the body."""
    method: NotRequired[CodedText]
    """How it was done."""
    categories: NotRequired[list[CodedText]]
    """Its kinds, as sent; they are not consistent between practices."""
    specimen: NotRequired[Link]
    """What was examined."""
    related: NotRequired[list[RelatedObservation]]
    """Other observations that it names."""
    answers: NotRequired[list[QuestionnaireAnswer]]
    """What was answered, where it is the result of a questionnaire."""
    blood_pressure: NotRequired[BloodPressure]
    """Which pressure it is, by its code, measured together or alone (CS-100). Pair no two by their time."""
    immunisation_status: NotRequired[bool]
    """Present, and true, of what stands among the immunisations: consent, dissent, an invitation and so on.
    Several may contradict each other."""
