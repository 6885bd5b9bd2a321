"""SNOMED CT identifiers: which numbers can be a concept.

Source: SNOMED CT Release File Specifications, component identifiers.
"""

import re
from functools import lru_cache
from typing import Final

_DIGITS = re.compile(r"[1-9]\d{5,17}", re.ASCII)
_LONGEST: Final = 18
_CONCEPT_PARTITIONS: Final = ("00", "10")
"""Of the International Edition, and of an extension such as dm+d; `01` and `11` are descriptions."""
# Verhoeff: the multiplication of the dihedral group D5, and the permutation that goes with the place.
_PRODUCTS: Final = (
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
)
_PERMUTED: Final = (
    "0123456789",
    "1576283094",
    "5803796142",
    "8916043527",
    "9453126870",
    "4286573901",
    "2793806415",
    "7046913258",
)


def is_concept_id(code: str) -> bool:
    """Whether a code can be that of a concept: its length, its partition and its check digit are right.

    Anything else under the system of SNOMED CT, such as the id of a description, means something else than
    a concept or nothing at all, and no drug file can look it up.
    """
    # What is remembered outlives the bundle: only what is short enough to be one is.
    return len(code) <= _LONGEST and _is_concept_id(code)


@lru_cache(maxsize=4096)
def _is_concept_id(digits: str) -> bool:
    if _DIGITS.fullmatch(digits) is None or digits[-3:-1] not in _CONCEPT_PARTITIONS:
        return False
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_PRODUCTS[check][int(_PERMUTED[place % 8][int(digit)])])
    return check == 0
