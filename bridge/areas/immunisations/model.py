"""One immunisation, as it is published."""

from typing import Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from bridge.record.common import (
    STRICT,
    AreaItem,
    CodedText,
    NonEmptyText,
    Note,
    PartialDate,
    Party,
    Quantity,
)

PerformerRole = Literal["administering", "entering"]


@with_config(STRICT)
class ImmunisationPerformer(TypedDict):
    """Somebody who took part."""

    roles: list[PerformerRole]
    """`administering`: gave it, or was to. `entering`: wrote it down; one who did both may be named as
    administering alone. Empty: what the person did is not known."""
    party: Party
    """Who."""
    role_as_sent: NotRequired[CodedText]
    """Where it is none of these."""


@with_config(STRICT)
class Protocol(TypedDict):
    """What the dose counts for."""

    target_diseases: list[CodedText]
    """What it protects from."""
    dose_number: NotRequired[int]
    """Which dose of the series."""
    doses_in_series: NotRequired[int]
    """How many doses there are, or are to be."""
    description: NotRequired[NonEmptyText]
    """In the practice's words."""
    dose_status: NotRequired[CodedText]
    """Where the practice says another thing than that the dose counts."""


@with_config(STRICT)
class Immunisation(AreaItem):
    """One vaccination that was given, or was intended on one day and was not given.

    Look at `given` first. One with `given` false does not say that the patient was never vaccinated: it
    concerns one intended event (CS-098).
    """

    procedure: CodedText
    """What was done, or was not done: the code that carries the meaning. Of one that was not given it is a
    "not done" code as a rule."""
    given: NotRequired[bool]
    """False: it was not given (CS-096). Absent: it cannot be told, and `issue_codes` say why; never take it
    for given. It has nothing to do with a state that says "completed", which stands on all of them."""
    reported: Literal["yes", "unknown"]
    """`yes`: the practice was told of it and did not see it done. `unknown`: it may have been; practices
    that do not know send the same as those that saw it."""
    reasons: list[CodedText]
    """Why it was given, or was to be; never why it was not."""
    not_given_reasons: list[CodedText]
    """Why it was not given, to be shown beside the "not done" code (CS-097)."""
    target_diseases: list[CodedText]
    """What it protects from, of all protocols."""
    protocols: list[Protocol]
    """What the dose counts for; one as a rule, and none of most."""
    performers: list[ImmunisationPerformer]
    """Who gave it, or was to, and who wrote it down."""
    notes: list[Note]
    vaccine: NotRequired[CodedText]
    """The product. Absent: none is named, as in most records; `procedure` says what was given."""
    vaccine_absent_reason: NotRequired[CodedText]
    """What was sent in place of a product, such as the null flavour "unknown": no vaccine."""
    date: NotRequired[PartialDate]
    """When it was given, or was to be; it may be estimated."""
    recorded_at: NotRequired[PartialDate]
    """When it was entered."""
    batch: NotRequired[NonEmptyText]
    """Number of the batch."""
    expires: NotRequired[PartialDate]
    """When the batch expires."""
    site: NotRequired[CodedText]
    """Where on the body."""
    route: NotRequired[CodedText]
    """How it was given."""
    dose: NotRequired[Quantity]
    """How much. A dose in words stands in `notes`."""
    dose_number: NotRequired[int]
    """Which dose of the series. Absent too where protocols do not agree: see `protocols`."""
    parent_present: NotRequired[bool]
    """Whether a parent was there."""
    report_origin: NotRequired[CodedText]
    """Who told the practice."""
    location: NotRequired[Party]
    """Where."""
    manufacturer: NotRequired[Party]
    """Who made the vaccine."""
    source_status: NotRequired[NonEmptyText]
    """The state as sent, where it is another than "completed"."""


@with_config(STRICT)
class ImmunisationFields(TypedDict):
    """What a record has of this area."""

    immunisations: NotRequired[list[Immunisation]]
    """Given, and intended and not given: `given` says which. The newest first. Consent, dissent and the like
    are among `observations`, with `immunisation_status`."""
