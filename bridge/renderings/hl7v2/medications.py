"""Medications: a report (ORU^R01) in words, and never an order.

An order has an amount, units and a timing, which the words of a GP's dosage cannot give honestly; and whoever
takes one in would act on it. So there is no ORC, no RXE and no code: one OBX for each course.
"""

from bridge.areas.medications.events import MedicationsPublished
from bridge.areas.record_page.medications import NO_ISSUES_ASKED, course_lines
from bridge.areas.record_page.provenance import by_ref
from bridge.renderings.hl7v2.message import Content
from bridge.renderings.hl7v2.report import Remark, header_said, is_whole, report


def content(data: MedicationsPublished) -> Content:
    """What is told of the medications of an answer."""
    problems = by_ref(data["linked_problems"])
    said = header_said(data, data["area"], data["unmapped"])
    if not data["issues_included"]:
        said.append(Remark("AREA", [NO_ISSUES_ASKED]))
    said += [Remark("ITEM", course_lines(item, problems), str(n)) for n, item in enumerate(data["items"], 1)]
    whole = is_whole(data["area"], besides=("include_issues",))
    return report("MEDICATIONS", "Medications of the GP record: no orders", data, said, is_whole=whole)
