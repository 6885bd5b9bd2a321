"""The ten sections of the care record (Access Record HTML): code, title, and whether they take a period.

In the order in which they must be offered and shown (HT-011). Source: 0.7.4, `accessrecord_html_layout`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

SectionCode = Literal["SUM", "ENC", "CLI", "PRB", "ALL", "MED", "REF", "OBS", "IMM", "ADM"]
"""As sent to the practice, always in upper case (HT-008)."""


class SectionFacts(NamedTuple):
    """What the specification says of one section.

    Attributes:
        title: its heading.
        takes_period: whether a period may be sent with it; sent with another, the practice refuses (HT-009).
    """

    title: str
    takes_period: bool


SECTIONS: Final[Mapping[SectionCode, SectionFacts]] = MappingProxyType(
    {
        "SUM": SectionFacts("Summary", takes_period=False),
        "ENC": SectionFacts("Encounters", takes_period=True),
        "CLI": SectionFacts("Clinical Items", takes_period=True),
        "PRB": SectionFacts("Problems and Issues", takes_period=True),
        "ALL": SectionFacts("Allergies and Adverse Reactions", takes_period=False),
        "MED": SectionFacts("Medications", takes_period=True),
        "REF": SectionFacts("Referrals", takes_period=True),
        "OBS": SectionFacts("Observations", takes_period=True),
        "IMM": SectionFacts("Immunisations", takes_period=False),
        "ADM": SectionFacts("Administrative Items", takes_period=True),
    }
)
