"""The scenario patients: who they are, where they are registered, and the one reason each exists."""

from collections.abc import Iterator, Mapping

from bridge.sandbox import failing_scenarios as failing
from bridge.sandbox import record_scenarios as of_records
from bridge.sandbox.appointments import bookings
from bridge.sandbox.care_record.cases import CASES
from bridge.sandbox.documents import shelf
from bridge.sandbox.people import RegistrationState
from bridge.sandbox.scenario import Scenario
from bridge.sandbox.scenario import scenario_of as _of
from bridge.sandbox.structured import cases
from bridge.sandbox.world import (
    MAIN,
    NO_DIARY,
    OLDER,
)


def _rows() -> Iterator[Scenario]:
    yield from of_records.records()
    yield from of_records.areas()
    yield from of_records.odd_records()
    yield from failing.demographics()
    yield from failing.registrations()
    yield from failing.practices()
    yield from failing.refusals()
    yield from failing.lies()
    yield from failing.failures()
    yield from of_records.sizes()
    yield from _care_records()
    yield from _appointments()
    yield from _documents()
    yield from of_records.whole_records()


def _appointments() -> Iterator[Scenario]:
    yield _of(
        "has_appointments",
        "9990000891",
        "booked by the practice, by another organisation, cancelled, and earlier today",
        cases.rich_record,
        diary=bookings.of_every_kind,
    )
    yield _of("home_visit", "9990000905", "a visit that nobody else may change", diary=bookings.home_visit)
    yield _of(
        "registered_elsewhere",
        "9990000913",
        "to be registered as temporary before booking at A99001",
        practice=OLDER,
    )
    yield _of(
        "lapsed_record",
        "9990000921",
        "left A99001 years ago: registering revives",
        practice=OLDER,
        lapsed_at=MAIN,
    )
    yield _of(
        "untraced",
        "9990000948",
        "never checked against PDS, and agrees with it",
        standing=RegistrationState.UNTRACED,
    )
    yield _of(
        "untraced_other",
        "9990000956",
        "never checked against PDS, and differs from it",
        standing=RegistrationState.UNTRACED,
        at_practice={"family": "Mirfield", "birth_date": "1901-02-03"},
    )
    yield _of("no_diary", "9990000964", "SDS: the practice offers no appointments", practice=NO_DIARY)


def _care_records() -> Iterator[Scenario]:
    for case in CASES.values():
        if case.nhs_number:
            yield _of(case.name, case.nhs_number, case.reason, cases.rich_record)


def _documents() -> Iterator[Scenario]:
    for name, number, reason, held in (
        (
            "documents",
            "9990007004",
            "documents of every kind, from here and elsewhere",
            shelf.of_every_kind(),
        ),
        (
            "documents_not_for_patient",
            "9990007012",
            "NOPAT on document, on reference, on both",
            shelf.labelled(),
        ),
        (
            "documents_placeholders",
            "9990007020",
            "documents that exist and are not available",
            shelf.placeholders(),
        ),
        ("documents_sizes", "9990007039", "documents of 1 KB, 4.9 MB and 5.1 MB", shelf.sizes()),
        ("documents_untrue", "9990007047", "documents that are not what is said of them", shelf.untrue()),
        ("documents_bare", "9990007055", "documents about which hardly anything is said", shelf.bare()),
        (
            "documents_infected",
            "9990007063",
            "a document that a malware scanner objects to",
            shelf.infected(),
        ),
        (
            "documents_died_recently",
            "9990007071",
            "died a week ago: documents still served",
            shelf.of_dead(days=7),
        ),
        (
            "documents_died_long_ago",
            "9990007098",
            "died 29 days ago: no documents any more",
            shelf.of_dead(days=29),
        ),
        ("documents_dissent", "9990007101", "documents: 403 NO_PATIENT_CONSENT", shelf.of_dissenter()),
        ("documents_not_gms", "9990007128", "not registered for GMS: no documents", shelf.of_visitor()),
    ):
        yield _of(name, number, reason, shelf=held)


SCENARIOS: tuple[Scenario, ...] = tuple(_rows())


BY_NAME: Mapping[str, Scenario] = {scenario.name: scenario for scenario in SCENARIOS}


BY_NUMBER: Mapping[str, Scenario] = {scenario.nhs_number: scenario for scenario in SCENARIOS}


assert len(BY_NAME) == len(BY_NUMBER) == len(SCENARIOS)
