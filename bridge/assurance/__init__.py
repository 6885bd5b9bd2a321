"""The assurance pack: a folder that a clinical safety officer and NHS England's assurance read without us.

`write_pack` writes the parts it is given and, last, ``index.html``. The parts here need nothing but the
installed product (``bridge assurance DIR``); those that need this source tree and a run of its tests are in
``tests/assurance/pack`` (``make assurance``), and use the same frame. README.md says how a part is made.
"""

from bridge.assurance.pack import (
    FAILED,
    PackFacts,
    PackPart,
    PartSummary,
    Question,
    product_facts,
    write_pack,
)
from bridge.assurance.pages import Pages, write_csv

__all__ = [
    "FAILED",
    "PackFacts",
    "PackPart",
    "Pages",
    "PartSummary",
    "Question",
    "product_facts",
    "write_csv",
    "write_pack",
]
