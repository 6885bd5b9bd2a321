"""Values that one supplier writes into the comment, one to a line: `Value: 120.0 mm[Hg]` (digest §5.5).

The comment stays whole; what is read here is offered beside it, marked, and only where it can mean one thing.
"""

import re
from dataclasses import field
from typing import Final

from bridge.fhir.digits import decimal
from bridge.record.common import CodedText, Quantity
from bridge.record.observations import QuantityValue, ReferenceRange
from bridge.values import dataclass

_LINE: Final = re.compile(
    r"^[ \t]*(Value|Interpretation Code|Reference range):[ \t]*(\S[^\r\n]*)", re.MULTILINE
)
_NUMBER: Final = r"-?\d{1,18}(?:\.\d{1,18}(?:E-?\d{1,2})?)?"
_UNIT: Final = r"(?![-(~<>=])\S+(?: \d{2}C)?"
"""One word, or one with the temperature that it holds at (`IU/L 37C`); more is a sentence."""
_VALUE: Final = re.compile(rf"(~)?[ ]?(<=|>=|<|>)?[ ]?({_NUMBER})(?:[ ](Unk UoM|{_UNIT}))?", re.ASCII)
_BOTH_LIMITS: Final = re.compile(rf"({_NUMBER}) ?- ?({_NUMBER})", re.ASCII)
_NO_UNIT: Final = "Unk UoM"
_LONGEST: Final = 100_000
"""Characters of a comment that are looked at."""


@dataclass(slots=True)
class FromComment:
    """What the lines of a comment say.

    Attributes:
        value: of `Value`.
        ranges: of `Reference range`, in its words, and as limits where it has two.
        interpretation: of `Interpretation Code`, which is no code.
    """

    value: QuantityValue | None = None
    ranges: list[ReferenceRange] = field(default_factory=list)
    interpretation: CodedText | None = None


def read_comment(comment: str) -> FromComment:
    """What the lines of a comment say; of a key that stands twice nothing: which counts?"""
    found = FromComment()
    if not ("Value:" in comment or "Interpretation Code:" in comment or "Reference range:" in comment):
        return found
    lines: dict[str, list[str]] = {}
    for line in _LINE.finditer(comment, 0, _LONGEST):
        lines.setdefault(line[1], []).append(line[2].rstrip())
    for key, said in lines.items():
        if len(said) != 1:
            continue
        [words] = said
        if key == "Value":
            found.value = _value(words)
        elif key == "Reference range":
            found.ranges = [_range(words)]
        else:
            found.interpretation = {
                "term": words,
                "term_from": "note",
                "coding_quality": "text_only",
                "codings": [],
            }
    return found


def _value(words: str) -> QuantityValue | None:
    read = _VALUE.fullmatch(words)
    if read is None:
        return None
    about, comparator, number, unit = read.groups()
    result: QuantityValue = {"kind": "quantity", "read_from": "comment"}
    amount = _number(number)
    result["value"] = amount["value"]
    if "value_as_sent" in amount:
        result["value_as_sent"] = amount["value_as_sent"]
    if comparator is not None:
        result["comparator"] = comparator
    if unit is not None and unit != _NO_UNIT:
        result["unit"] = unit
    if about is not None:
        result["approximate"] = True
    return result


def _range(words: str) -> ReferenceRange:
    result: ReferenceRange = {"text": words, "read_from": "comment"}
    if (limits := _BOTH_LIMITS.fullmatch(words)) is not None:
        result["low"] = _number(limits[1])
        result["high"] = _number(limits[2])
    return result


def _number(written: str) -> Quantity:
    if "." not in written:
        return {"value": int(written)}
    found = decimal(written)
    if found is None:  # leading zeros
        return {"value": float(written), "value_as_sent": written}
    value, digits = found
    return {"value": value, "value_as_sent": digits} if digits is not None else {"value": value}
