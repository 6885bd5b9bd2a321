"""Pieces that every clinical area of the record shares.

Plain dictionaries with known keys: typed for the checker, written to JSON as they are. An optional key is
absent when the practice sent nothing; no value is ever null or an empty string. Dictionaries inside one
record may be shared between items and are never changed after mapping.
"""

from typing import Annotated, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict  # Pydantic needs this one before Python 3.12

STRICT = ConfigDict(extra="forbid", use_attribute_docstrings=True)

SctId = Annotated[str, Field(pattern=r"^[1-9]\d{5,17}$")]
"""SNOMED CT identifier, as text: it goes past 2^53."""
NonEmptyText = Annotated[str, Field(min_length=1)]
Precision = Literal["year", "month", "day", "instant", "unparsed", "placeholder"]
TermFrom = Literal["text", "description", "display", "note", "code", "reference", "placeholder"]
CodingQuality = Literal["coded", "degraded", "local_code_only", "text_only", "null_flavour", "empty"]
PartyKind = Literal[
    "practitioner", "organisation", "patient", "related_person", "location", "service", "unknown"
]
Severity = Literal["information", "warning", "error"]
Audience = Literal["patient", "prescriber", "pharmacy", "additional", "unspecified"]


@with_config(STRICT)
class PartialDate(TypedDict):
    """A date as precise as it was sent; never padded."""

    value: NonEmptyText
    """The source text, for example `2004-05`."""
    precision: Precision
    """`unparsed` keeps a text that is no date; `placeholder` a day that systems write where none is known
    (`0001-01-01`, `1900-01-01`). Neither is ever compared or sorted as a date."""


@with_config(STRICT)
class Coding(TypedDict):
    """One code of one code system."""

    system: NotRequired[NonEmptyText]
    code: NotRequired[NonEmptyText]
    display: NotRequired[NonEmptyText]
    description_id: NotRequired[SctId]
    description_term: NotRequired[NonEmptyText]
    user_selected: NotRequired[bool]
    """Present only when sent as true; absent means false (CS-070)."""


@with_config(STRICT)
class CodedText(TypedDict):
    """A coded concept with the words the GP saw."""

    term: NonEmptyText
    """What to show: the original text, else the description chosen, else the display (CS-061 to CS-063)."""
    term_from: TermFrom
    """`note`: of a degraded allergy whose name the practice wrote into its note. `reference`: only the
    words of a reference were sent, and no code stands behind them."""
    coding_quality: CodingQuality
    """`degraded`: the code carries no clinical meaning, the term is the item."""
    codings: list[Coding]
    """Every coding received, in order (CS-064)."""
    concept_id: NotRequired[SctId]
    """SNOMED CT or dm+d concept; a degrade code too, so look at `coding_quality` first."""
    description_id: NotRequired[SctId]
    preferred_term: NotRequired[NonEmptyText]
    original_text: NotRequired[NonEmptyText]
    degrade_code: NotRequired[SctId]
    """The transfer-degraded code to store, with the term, where no SNOMED code was sent (CS-068, CS-069)."""


@with_config(STRICT)
class Quantity(TypedDict):
    """An amount as it was sent: number and unit, words, or both. No arithmetic is done on it."""

    value: NotRequired[float]
    value_as_sent: NotRequired[NonEmptyText]
    """The number with the digits it was sent with, where `value` cannot hold them: `1.50`."""
    comparator: NotRequired[NonEmptyText]
    """`<`, `<=`, `>=` or `>`: the amount is not `value` but on that side of it. Never show one without it."""
    unit: NotRequired[NonEmptyText]
    unit_code: NotRequired[NonEmptyText]
    unit_system: NotRequired[NonEmptyText]
    """The code system of `unit_code`, as it was sent."""
    text: NotRequired[NonEmptyText]


@with_config(STRICT)
class Party(TypedDict):
    """A person or organisation who took part; or the place where something was done."""

    kind: PartyKind
    ref: NotRequired[NonEmptyText]
    name: NotRequired[NonEmptyText]
    role: NotRequired[NonEmptyText]
    professional_ids: NotRequired[dict[str, str]]
    """`sds_user_id`, `sds_role_profile_id`, `gmc_number`, `gmp_number`."""
    organisation_ods: NotRequired[NonEmptyText]
    organisation_name: NotRequired[NonEmptyText]


@with_config(STRICT)
class BusinessId(TypedDict):
    """An identifier that stays the same from one retrieval to the next (CS-046)."""

    value: NonEmptyText
    system: NotRequired[NonEmptyText]
    use: NotRequired[NonEmptyText]
    """As sent. `old`: it is no longer in use, and never becomes an `item_id`."""


@with_config(STRICT)
class Provenance(TypedDict):
    """Where an item came from and how to find it again."""

    source_ref: NonEmptyText
    """`Type/id` as the practice sent it (CS-047); `List[code]#id` for one that is contained in a list."""
    content_hash: NonEmptyText
    """`sha256:` over the resource received, without its version and time of update."""
    business_ids: list[BusinessId]
    problem_refs: list[str]
    """Problems that name this item: why it was given (CS-045)."""
    list_codes: list[str]
    """Codes of the lists that hold it, so that primary and secondary can be told apart (CS-077)."""
    security_labels: list[str]
    """`NOPAT`: not to be disclosed to the patient. Its absence says nothing (CS-059)."""
    holder_ods: NotRequired[NonEmptyText]
    """The practice that answered."""
    recorder: NotRequired[Party]
    """Who entered it."""
    author: NotRequired[Party]
    """Who is responsible: prescriber, asserter or source of the information."""
    recorded_at: NotRequired[PartialDate]
    encounter_ref: NotRequired[NonEmptyText]


@with_config(STRICT)
class Issue(TypedDict):
    """Something about the answer that a reader or an integrator should know. Never patient data."""

    code: NonEmptyText
    severity: Severity
    message: NonEmptyText
    """A fixed text by code."""
    source_ref: NotRequired[NonEmptyText]
    path: NotRequired[NonEmptyText]


@with_config(STRICT)
class Note(TypedDict):
    """Free text, layout kept."""

    text: NonEmptyText
    audience: Audience


@with_config(STRICT)
class Stop(TypedDict):
    """When and why something was ended on purpose."""

    on: NotRequired[PartialDate]
    reason: NotRequired[CodedText]


LinkKind = Literal[
    "problem",
    "consultation",
    "medication",
    "allergy",
    "immunisation",
    "observation",
    "investigation",
    "referral",
    "diary_entry",
    "document",
    "other",
    "unknown",
]


@with_config(STRICT)
class Link(TypedDict):
    """What one item names of another, to be followed without FHIR."""

    kind: LinkKind
    """Among which items of a record it leads to one: `investigation` also for a result, a specimen or a
    request of one, `medication` also for a plan or an issue, `consultation` also for words inside of one.
    `other`: a resource that is of no clinical area. `unknown`: what it leads to cannot be told."""
    in_record: bool
    """True when it leads to an item of this record, or to part of one."""
    source_ref: NotRequired[NonEmptyText]
    """`Type/id` of what it leads to inside the answer; `List[code]#id` for what is contained in a list.
    Absent when it leads to nothing that was sent, or to one of several and which cannot be told."""
    item_id: NotRequired[NonEmptyText]
    """Of the item, or of the part of one, that it leads to. Absent when several could be meant."""
    display: NotRequired[NonEmptyText]
    """The words sent with it; of a placeholder they are all there is."""
    reference: NotRequired[NonEmptyText]
    """As sent, where it leads to nothing inside the answer."""


class Identified(TypedDict):
    """What every item has, and every part of one that came as a resource of its own."""

    item_id: str
    provenance: Provenance
    issue_codes: list[str]


@with_config(STRICT)
class AreaItem(Identified):
    """What every item of a clinical area has."""

    linked_only: NotRequired[bool]
    """Present, and true, when the item is here because something else was asked for: a consultation or a
    problem that names it, for example. Then it says nothing about how complete its area is."""
