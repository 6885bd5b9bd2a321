"""The clinical scenarios of First of Type that a product like this has a part in, each as a script."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bridge.pipelines.events import APPOINTMENT_BOOKED, APPOINTMENTS_FOUND, DOCUMENTS_FOUND
from bridge.sandbox import COMMUNITY, MAIN
from tests.assurance.pack.simulated import Simulation, StepRun, today

Script = Callable[[Simulation], Awaitable[list[StepRun]]]
REGISTERED: Final = "repeat_dispensing"


@dataclass(frozen=True, slots=True)
class FirstOfType:
    """One scenario.

    Attributes:
        name: of its page.
        capability: of GP Connect.
        title: as the specification lists it.
        story: who does what, and what is the receiving system's or the organisation's.
        script: makes its requests.
    """

    name: str
    capability: str
    title: str
    story: str
    script: Script


@dataclass(frozen=True, slots=True)
class ScenarioRun:
    """A scenario that was run.

    Attributes:
        scenario: which.
        steps: in order.
        pictures: what a person sees, as JPEG, by name of the file; with what each shows.
    """

    scenario: FirstOfType
    steps: tuple[StepRun, ...]
    pictures: tuple[tuple[str, str, bytes], ...] = ()


def _html(role: str, *sections: str) -> Script:
    async def script(run: Simulation) -> list[StepRun]:
        return [await run.sections("rich_record", *sections, role=role)]

    return script


async def _several_settings(run: Simulation) -> list[StepRun]:
    asked = (("Paramedic practitioner", COMMUNITY), ("Emergency doctor", None), ("Medical registrar", None))
    return [
        await run.sections(
            "rich_record",
            "SUM",
            "MED",
            "ALL",
            role=role,
            title=f"{role}: summary, medications and allergies",
            encounter_id=f"visit-{number}",
            **({"consumer": consumer} if consumer else {}),
        )
        for number, (role, consumer) in enumerate(asked, 1)
    ]


async def _reconciliation(run: Simulation) -> list[StepRun]:
    role = "Hospital pharmacist"
    return [
        await run.record("rich_record", role=role, title="Medications and allergies as data, to reconcile"),
        await run.sections(
            "rich_record",
            "MED",
            "ALL",
            role=role,
            title="The practice's own pages beside them, to check against",
        ),
    ]


async def _letter(run: Simulation) -> list[StepRun]:
    role = "District nurse"
    found = await run.documents("documents", role=role, consumer=COMMUNITY)
    letter = found.event(DOCUMENTS_FOUND)["documents"][0]
    return [
        found,
        await run.document(
            "documents", letter, role=role, consumer=COMMUNITY, title="The discharge summary is fetched"
        ),
    ]


def _search(role: str, *, ours: bool = True, **asked: str) -> Script:
    async def script(run: Simulation) -> list[StepRun]:
        consumer = {} if ours else {"consumer": COMMUNITY}
        return [await run.slots(REGISTERED, role=role, **consumer, **asked)]

    return script


async def _evening(run: Simulation) -> list[StepRun]:
    day = (today() + timedelta(days=3)).isoformat()
    return [
        await run.slots(
            REGISTERED,
            role="Evening service receptionist",
            title="Slots of one afternoon and evening are looked for",
            start=f"{day}T15:00:00+00:00",
            end=f"{day}T20:00:00+00:00",
        )
    ]


async def _future(run: Simulation) -> list[StepRun]:
    return [await run.appointments("has_appointments", role="Outpatient nurse")]


async def _book(run: Simulation) -> list[StepRun]:
    role = "Emergency department streaming nurse"
    found = await run.slots(REGISTERED, role=role, organisation_type="urgent-care")
    return [found, await run.book(REGISTERED, found, role=role, description="Seen in A&E; review of wound")]


async def _book_elsewhere(run: Simulation) -> list[StepRun]:
    role, name = "NHS 111 clinician", "lapsed_record"
    found = await run.slots(name, role=role, practice_ods_code=MAIN.ods)
    booked = await run.book(
        name,
        found,
        role=role,
        description="Staying with family nearby",
        title="The first is booked, and the patient registered for a while first",
        register_if_unknown={"phones": {"mobile": "07700 900123"}},
    )
    return [found, booked]


async def _amend(run: Simulation) -> list[StepRun]:
    booked = await _book(run)
    appointment = booked[-1].event(APPOINTMENT_BOOKED)["appointment"]
    return [*booked, await run.amend(REGISTERED, appointment, role="Emergency department streaming nurse")]


async def _cancel(run: Simulation) -> list[StepRun]:
    found = await run.appointments("has_appointments", role="Ward clerk")
    told = found.event(APPOINTMENTS_FOUND)["found"]["appointments"]
    ahead = next(one for one in told if one["status"] == "booked" and one["start"][:10] > str(today()))
    return [
        found,
        await run.cancel(
            "has_appointments", ahead, role="Ward clerk", title="One that somebody else booked is cancelled"
        ),
    ]


HTML, SLOTS, DOCUMENTS = "Read the record (HTML)", "Look for slots", "Read documents"

SCENARIOS: Final = (
    FirstOfType("minor-injuries", HTML, "Allergies in a minor injuries unit", "An emergency nurse practitioner looks at allergies before an injection. The screen is the receiving system's.", _html("Emergency nurse practitioner", "ALL")),
    FirstOfType("out-of-hours", HTML, "Drugs and allergies out of hours", "An out-of-hours doctor looks at medications and allergies before prescribing.", _html("Out-of-hours doctor", "MED", "ALL")),
    FirstOfType("several-settings", HTML, "Several settings within 24 hours", "Within a day three people in two organisations look at the same record. Each is asked for anew, in the name of the one who asks, with an encounter of its own.", _several_settings),
    FirstOfType("pharmacist-reconciliation", HTML, "Reconciliation by a hospital pharmacist on admission", "A hospital pharmacist reconciles medicines on admission: the data to work with, and the practice's own pages to check them against. What is taken over is the pharmacist's decision.", _reconciliation),
    FirstOfType("extended-hours", HTML, "Extended hours", "A doctor in an extended access hub, who does not know the patient, reads summary, medications and allergies.", _html("Extended access doctor", "SUM", "MED", "ALL")),
    FirstOfType("outpatients", HTML, "Outpatients", "A consultant reads summary, problems and observations before a clinic.", _html("Consultant", "SUM", "PRB", "OBS")),
    FirstOfType("diversion-from-ae", HTML, "Diversion from A&E", "A streaming nurse reads summary and encounters to decide whether the practice is the better place.", _html("Streaming nurse", "SUM", "ENC")),
    FirstOfType("admission", HTML, "Admission", "An admitting doctor reads summary, problems, medications and allergies.", _html("Admitting doctor", "SUM", "PRB", "MED", "ALL")),
    FirstOfType("community-pharmacy", HTML, "Community pharmacy, with consent", "A community pharmacist reads medications and allergies. That the patient consented is asked and recorded by the pharmacy's own system: the bridge cannot know it.", _html("Community pharmacist", "MED", "ALL")),
    FirstOfType("home-visit", HTML, "Home visits after discharge", "A community nurse reads summary and medications before a visit. Reading is inside First of Type; booking such a visit is not.", _html("Community nurse", "SUM", "MED")),
    FirstOfType("discharge-letter", DOCUMENTS, "A district nurse who reads a discharge letter", "A district nurse finds the documents of a patient and fetches one. The document waits in the vault for the receiving system.", _letter),
    FirstOfType("hub", SLOTS, "Hub or federation", "A receptionist of a hub looks for slots at a member practice.", _search("Hub receptionist", ours=False, organisation_type="gp-practice")),
    FirstOfType("overflow-telephony", SLOTS, "Overflow telephony", "A call handler looks for slots for a practice whose lines are busy.", _search("Call handler", organisation_type="gp-practice")),
    FirstOfType("evening-services", SLOTS, "Evening services", "A receptionist looks for slots late on one day.", _evening),
    FirstOfType("practice-control", SLOTS, "Control by the practice", "The practice decides which slots are shown to whom: without a type of organisation only those that are for everybody are found.", _search("Receptionist")),
    FirstOfType("urgent-care-slots", SLOTS, "Slots kept for urgent care", "An urgent care service finds the slots that are kept for it.", _search("Urgent care clinician", organisation_type="urgent-care")),
    FirstOfType("future-appointments", "See appointments", "Professionals who see future appointments", "An outpatient nurse sees which appointments lie ahead, so that visits can be brought together.", _future),
    FirstOfType("booking-registered", "Book", "A registered patient, from A&E into the practice", "A streaming nurse in A&E finds a slot and books it at the patient's own practice.", _book),
    FirstOfType("booking-unregistered", "Book", "A patient who is not registered there, from 111", "A clinician of NHS 111 books at a practice near where the patient stays: the patient is registered there for a while first.", _book_elsewhere),
    FirstOfType("amending", "Amend", "Description and comment", "The words of a booking are changed, and nothing else of it.", _amend),
    FirstOfType("cancelling", "Cancel", "An appointment that any organisation booked", "An appointment that another organisation booked is cancelled.", _cancel),
)  # fmt: skip
