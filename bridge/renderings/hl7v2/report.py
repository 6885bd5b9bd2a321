"""Words for a person to read: OBX segments, and the report (ORU^R01) that has nothing else."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from bridge.areas.events import RecordHeader
from bridge.areas.record_page.areas import completeness_lines
from bridge.areas.record_page.words import REASONS
from bridge.hl7v2 import Segment
from bridge.mapping.page import moment
from bridge.record import Area, Unmapped
from bridge.renderings.hl7v2.coded import moment_of
from bridge.renderings.hl7v2.message import Content, control_id

LOCAL: Final = "99GPC"
"""Our own coding system, as table 0396 has names of such begin."""

_TITLES: Final = {
    "SOURCE": "Where this comes from",
    "STATEMENT": "What the record says about allergies",
    "AREA": "How completely this was answered",
    "ITEM": "Item of the GP record",
    "UNMAPPED": "Received, and not among the items",
}


class Remark(NamedTuple):
    """Something to be read.

    Attributes:
        kind: OBX-3.1; see the guide.
        lines: at least one.
        about: OBX-4: the number of the segment, or of the item, that it is about.
    """

    kind: str
    lines: Sequence[str]
    about: str = ""


def is_whole(area: Area, *, besides: Collection[str]) -> bool:
    """Whether what was sent is all that the practice has, so that a receiver may replace by it what it has.

    Args:
        area: how it was answered.
        besides: options of the request that leave out something which the message tells nothing of anyway.
    """
    limits = set(area.get("limited_to", {})) - set(besides)
    return area["complete"] and "search_from" not in area and not limits


def header_said(data: RecordHeader, area: Area, unmapped: Iterable[Unmapped]) -> list[Remark]:
    """What stands before the items of every message: where from, how complete, what is missing."""
    practice = " ".join(part for part in (data.get("holder_name"), data.get("holder_ods")) if part)
    source = [data["source_label"], f"Retrieved {moment(data['retrieved_at'])}"]
    said = [Remark("SOURCE", [*source, f"From {practice}"] if practice else source)]
    if lines := completeness_lines(area):
        said.append(Remark("AREA", lines))
    said += [
        Remark(
            "UNMAPPED", [f"{each.get('display', 'no words')} ({REASONS[each['reason']]}: {each['detail']})"]
        )
        for each in unmapped
    ]
    return said


def observations(said: Iterable[Remark]) -> list[Segment]:
    """OBX segments: TX of one line, FT of several."""
    return [
        Segment(
            "OBX",
            {
                1: str(number),
                2: "TX" if len(each.lines) == 1 and "\n" not in each.lines[0] else "FT",
                3: (each.kind, _TITLES[each.kind], LOCAL),
                4: each.about,
                5: "\n".join(each.lines),
                11: "F",
            },
        )
        for number, each in enumerate(said, 1)
    ]


def report(code: str, title: str, data: RecordHeader, said: Iterable[Remark], *, is_whole: bool) -> Content:
    """A report (ORU^R01).

    Args:
        code: OBR-4.1.
        title: OBR-4.2.
        data: of the event.
        said: what it tells.
        is_whole: whether this is all that the area has; else OBR-25 says "not all results available".
    """
    order = Segment(
        "OBR",
        {
            1: "1",
            3: control_id(f"{data['snapshot_id']} {code}"),
            4: (code, title, LOCAL),
            7: moment_of(data["retrieved_at"]),
            25: "F" if is_whole else "A",
        },
    )
    return Content(("ORU", "R01", "ORU_R01"), [order, *observations(said)])
