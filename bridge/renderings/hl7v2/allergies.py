"""Allergies: a snapshot (ADT^A31 with AL1) of a list that is whole, else a report in words.

==========================================================  =================================================
What the record says, of an area that is whole              What is sent
==========================================================  =================================================
allergies, with or without a statement that denies them     A31: an AL1 of each that is not ended; the words
                                                            of the statement in an OBX
no allergy to anything is known                             A31: one AL1, of the concept that says so
none of some kinds is known; nothing; whatever else         report
==========================================================  =================================================

An A31 without AL1 would be read as "none": it is never sent. Of an area that is not whole the report has
every item in words.
"""

from collections.abc import Iterable
from typing import Final

from bridge.areas.allergies.events import AllergiesPublished
from bridge.areas.allergies.model import Allergy
from bridge.areas.record_page.allergies import BLOCK, allergy_lines
from bridge.areas.record_page.areas import completeness_lines
from bridge.areas.record_page.provenance import by_ref
from bridge.areas.record_page.words import statement
from bridge.hl7v2 import Segment
from bridge.renderings.hl7v2.coded import CODING_SYSTEM, coded, date_of
from bridge.renderings.hl7v2.lengths import fitting
from bridge.renderings.hl7v2.message import Content
from bridge.renderings.hl7v2.report import Remark, header_said, is_whole, observations, report

_SNAPSHOT: Final = ("ADT", "A31", "ADT_A05")
_NO_KNOWN_ALLERGY: Final = ("716186003", "No known allergy", CODING_SYSTEM)
TYPES: Final = {"medication": "DA", "environment": "MA"}
"""Table 0127. The GP's "environment" is whatever is no drug, food too, so it is miscellaneous."""
_SEVERITIES: Final = {"severe": "SV", "moderate": "MO", "mild": "MI"}
"""Table 0128, the worst first. Of others nothing is said."""


def content(data: AllergiesPublished) -> Content:
    """What is told of the allergies of an answer."""
    problems = by_ref(data["linked_problems"])
    allergies, others = parted(data["items"])
    head = head_said(data)
    whole = is_whole(data["area"], besides=("include_ended",))
    if whole and allergies and has_allergies(data):
        words = [Remark("ITEM", allergy_lines(item, problems), str(n)) for n, item in enumerate(allergies, 1)]
        segments = [_allergy(number, item) for number, item in enumerate(allergies, 1)]
    elif whole and data["allergy_statement"] == "no_known_allergies" and not allergies:
        words, segments = [], [Segment("AL1", {1: "1", 3: _NO_KNOWN_ALLERGY})]
    else:
        if ended := completeness_lines(data["ended_area"]):
            head.append(Remark("AREA", ended))
        items = [
            Remark("ITEM", allergy_lines(item, problems), str(n)) for n, item in enumerate(data["items"], 1)
        ]
        return report("ALLERGIES", "Allergies of the GP record", data, [*head, *items], is_whole=whole)
    statements = [item for item in others if item["clinical_status"] != "resolved"]
    words += [Remark("ITEM", allergy_lines(item, problems)) for item in statements]
    return Content(_SNAPSHOT, [*observations([*head, *words]), *segments])


def has_allergies(data: AllergiesPublished) -> bool:
    """Whether the record says that it has allergies, though it may deny them as well."""
    return data["allergy_statement"] in ("active_allergies", "contradictory")


def parted(items: Iterable[Allergy]) -> tuple[list[Allergy], list[Allergy]]:
    """The allergies that a list has, and the other items: what ended, and statements that none is known.

    An ended allergy must never look active (CS-085): neither AL1 nor IAM has a place to say that it ended.
    """
    listed: list[Allergy] = []
    others: list[Allergy] = []
    for item in items:
        is_listed = item["clinical_status"] != "resolved" and item["statement"] == "propensity"
        (listed if is_listed else others).append(item)
    return listed, others


def head_said(data: AllergiesPublished) -> list[Remark]:
    """What stands before the allergies: where from, how complete, and whether there are any."""
    words = statement(data["allergy_statement"], data["no_known_allergy_kinds"])
    block = [BLOCK] if data["requires_prescribing_block"] else []
    return [*header_said(data, data["area"], data["unmapped"]), Remark("STATEMENT", [words, *block])]


def _allergy(number: int, item: Allergy) -> Segment:
    return Segment(
        "AL1",
        {
            1: str(number),
            2: TYPES.get(item["category"], ""),
            3: coded(item["substance"]),
            4: severity(item),
            5: reactions(item),
            6: date_of(item.get("onset")),
        },
    )


def severity(item: Allergy) -> str:
    """AL1-4 and IAM-4: the worst that was sent."""
    found = {reaction.get("severity") for reaction in item["reactions"]}
    return next((code for word, code in _SEVERITIES.items() if word in found), "")


def reactions(item: Allergy) -> list[str]:
    """AL1-5 and IAM-5: what happened, where all of it has room.

    Some of it would be taken for all. Its OBX has it anyway.
    """
    said = [
        *(
            manifestation["term"]
            for reaction in item["reactions"]
            for manifestation in reaction["manifestations"]
            if manifestation["coding_quality"] != "null_flavour"
        ),
        *(reaction["description"] for reaction in item["reactions"] if "description" in reaction),
    ]
    return said if all(fitting("AL1-5", each) for each in said) else []
