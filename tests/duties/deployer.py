"""``python -m tests.duties.deployer``: the text of ``deploy/DUTIES.md``, made from the register."""

from collections.abc import Iterable, Mapping

from tests.duties.register import Duty, load

DIGESTS = {
    "CS": "Structured record",
    "SP": "Spine: directories, proxy, TLS, tokens",
    "PD": "Personal Demographics Service",
    "JO": "Assurance, governance and audit",
    "FN": "Foundations",
    "AP": "Appointments",
    "DO": "Documents",
    "HT": "HTML record",
}
HEAD = """\
# What the organisation that deploys this must do

GP Connect lays duties on its consumers. Most are met by the software and proven by its tests (`make duties`). These are
not, or not alone: they are yours. "All yours" means that nothing in the software can meet the duty; "your half" that the
software does its part, most often by publishing something that your systems must show, store or act on.

MUST, SHALL, SHOULD, MAY and their negations are the words of the specification; DUTY is stated there as the consumer's
without such a word; SAFETY is advice with clinical risk. The ids are those of `tests/duties`.

## What First of Type holds

Inside: reading the record on admission (a hospital pharmacist who reconciles medicines too), in outpatients, in A&E, minor injuries
and out of hours; finding slots, and seeing, booking, amending and cancelling appointments from 111, A&E, a nurse or a GP into a practice.
**Outside: booking by a hospital on discharge**, home visits, the district nurse after discharge, pharmacies, patients and carers who
book for themselves. The software cannot tell what an appointment is for: keeping to this is yours
([all scenarios](ONBOARDING.md#booking-for-discharge-is-outside-first-of-type)).
"""


def row(duty: Duty) -> str:
    """One line of a table."""
    return f"| {duty.id} | {duty.level} | {duty.words} | {duty.deployer_note} |"


def table(title: str, duties: Iterable[Duty]) -> list[str]:
    """A titled table; nothing when there are no duties."""
    rows = [row(duty) for duty in duties]
    if not rows:
        return []
    return ["", f"### {title}", "", "| Duty | Level | It says | You |", "|---|---|---|---|", *rows]


def document(duties: Mapping[str, Duty]) -> str:
    """The whole text. Capabilities that this version does not offer come last."""
    noted = [duty for duty in duties.values() if duty.deployer_note]
    lines = [HEAD.rstrip()]
    for heading, later in (("## Now", False), ("## When later capabilities are used", True)):
        lines += ["", heading]
        for digest, title in DIGESTS.items():
            here = [duty for duty in noted if duty.digest == digest and duty.later is later]
            lines += table(f"{title}: all yours", [duty for duty in here if duty.met_by == "deployer"])
            lines += table(f"{title}: your half", [duty for duty in here if duty.met_by == "software"])
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    print(document(load()), end="")
