"""Searching for free slots (appointments.md §3, AP-P01, AP-P02)."""

from datetime import datetime, timedelta

import pytest
from fhir.resources.STU3 import get_fhir_model_class

from bridge.sandbox import BY_NAME
from tests.integration.sandbox.consumer import ODS
from tests.integration.sandbox.reception import (
    ORG_TYPE,
    PREFIX,
    Reception,
    booking,
    day,
    found,
    of_type,
    organisation,
    refused,
    window,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWN = ("searchFilter", f"{ODS}|RZZ01")
URGENT = ("searchFilter", f"{ORG_TYPE}|urgent-care")


def sessions(answer):
    return {one["serviceCategory"]["text"] for one in found(answer, "Schedule")}


async def test_slots_come_with_all_that_a_screen_must_show(reception):
    answer = await reception.search()
    resources = {f"{one['resourceType']}/{one['id']}": one for one in found(answer)}
    slots = found(answer, "Slot")
    assert len(slots) > 300
    for slot in slots:
        schedule = resources[slot["schedule"]["reference"]]
        actors = [resources[actor["reference"]] for actor in schedule["actor"]]
        assert slot["serviceType"][0]["text"]
        assert slot["extension"][0]["valueCode"] in {"In-person", "Telephone", "Video"}
        assert schedule["serviceCategory"]["text"]
        assert schedule["extension"][0]["valueCodeableConcept"]["coding"][0]["code"].startswith("R")
        location = next(one for one in actors if one["resourceType"] == "Location")
        assert location["address"]["line"]
        assert resources[location["managingOrganization"]["reference"]]["identifier"][0]["value"] == "A99001"
    assert {len(one["actor"]) for one in found(answer, "Schedule")} == {1, 2}
    assert len({one["actor"][0]["reference"] for one in found(answer, "Schedule")}) == 2, "branches"
    names = [one["name"][0] for one in found(answer, "Practitioner")]
    assert [name for name in names if "family" not in name] == [{"use": "usual", "text": "Ms Yasmin Rahman"}]


async def test_what_is_found_is_valid_stu3(reception):
    kinds: dict[str, dict] = {}
    for one in found(await reception.search()):
        kinds.setdefault(one["resourceType"], one)
    assert set(kinds) == {"Slot", "Schedule", "Practitioner", "Location", "Organization"}
    for kind, resource in kinds.items():
        get_fhir_model_class(kind).model_validate(resource)


async def test_only_what_lies_wholly_inside_is_found(reception):
    (slot,) = reception.free_slots()
    start, end = slot.start.isoformat(), slot.end.isoformat()

    async def ids(first, last):
        query = [("start", f"ge{first}"), ("end", f"le{last}"), *window()[2:]]
        return [one["id"] for one in found(await reception.search(query), "Slot")]

    assert slot.id in await ids(start, end)
    later = slot.start.replace(minute=slot.start.minute + 1).isoformat()
    assert slot.id not in await ids(later, end)
    assert slot.id not in await ids(start, later)


async def test_nothing_found_is_an_empty_bundle(reception):
    assert found(await reception.search(window(60, 70))) == []
    assert found(await reception.search(window(-10, -5))) == []


async def test_includes_bring_what_they_name(reception):
    bare = await reception.search(window()[:4])
    assert {one["resourceType"] for one in found(bare)} == {"Slot", "Schedule", "Organization"}


START, END, FREE, INCLUDE = window()[:4]


@pytest.mark.parametrize(
    "query",
    [
        pytest.param([END, FREE, INCLUDE], id="no start"),
        pytest.param([START, START, END, FREE, INCLUDE], id="start twice"),
        pytest.param([START, ("start", END[1]), FREE, INCLUDE], id="end as a second start"),
        pytest.param([START, FREE, INCLUDE], id="no end"),
        pytest.param([("start", f"gt{day(1)}"), END, FREE, INCLUDE], id="another prefix"),
        pytest.param([("start", f"ge{day(1)[:7]}"), END, FREE, INCLUDE], id="a month"),
        pytest.param([("start", "ge2027-02-30"), END, FREE, INCLUDE], id="no such day"),
        pytest.param([("start", f"ge{day(1)}T09:00:00"), END, FREE, INCLUDE], id="no offset"),
        pytest.param([("start", f"ge{day(1)}T09:00:00Z"), END, FREE, INCLUDE], id="Zulu"),
        pytest.param([("start", f"ge{day(1)}T09:00:00+05:00"), END, FREE, INCLUDE], id="offset of elsewhere"),
        pytest.param([("start", f"ge{day(9)}"), ("end", f"le{day(8)}"), FREE, INCLUDE], id="backwards"),
        pytest.param([("start", f"ge{day(1)}"), ("end", f"le{day(16)}"), FREE, INCLUDE], id="15 days"),
        pytest.param([START, END, INCLUDE], id="no status"),
        pytest.param([START, END, ("status", "busy"), INCLUDE], id="status busy"),
        pytest.param([START, END, FREE], id="no include"),
        pytest.param([START, END, FREE, ("_include", "Slot:actor")], id="another include"),
    ],
)
async def test_a_search_that_breaks_a_rule(reception, query):
    assert refused(await reception.search(query)) == (422, "INVALID_PARAMETER")


async def test_unknown_parameters_and_filters_are_ignored(reception):
    plain = await reception.search()
    extra = [("_count", "3"), ("searchFilter", "https://example.org/Disposition|Dx05"), ("searchFilter", "x")]
    assert (await reception.search([*window(), *extra])).content == plain.content


async def test_filters_show_what_is_kept_for_some(reception):
    everybody = sessions(await reception.search())
    assert not everybody & {"Urgent Afternoon", "Discharge Follow-up", "Shared Afternoon", "Staff Clinic"}
    assert sessions(await reception.search([*window(), OWN])) - everybody == {"Discharge Follow-up"}
    gp = ("searchFilter", f"{ORG_TYPE}|gp-practice")
    other = ("searchFilter", f"{ODS}|RZZ02")
    assert sessions(await reception.search([*window(), gp])) == everybody
    assert sessions(await reception.search([*window(), gp, other])) - everybody == {"Shared Afternoon"}
    assert sessions(await reception.search([*window(), other])) == everybody


async def test_a_booking_window_opens_late(reception):
    (slot,) = reception.free_slots(first=5)
    slot.opens = slot.start - reception.diary.now() - timedelta(minutes=1)
    as_urgent = [organisation(**of_type("urgent-care"))]
    body = booking(reception.patient_id("9990000018"), slot, contained=as_urgent)
    assert slot.id not in [one["id"] for one in found(await reception.search(), "Slot")]
    assert refused(await reception.book(body)) == (422, "INVALID_RESOURCE")
    slot.opens += timedelta(minutes=2)
    assert slot.id in [one["id"] for one in found(await reception.search(), "Slot")]
    assert (await reception.book(body)).status_code == 201


async def test_urgent_slots_are_released_two_days_before(reception):
    found_now = await reception.search([*window(0, 14), URGENT])
    named = {f"Schedule/{one['id']}": one["serviceCategory"]["text"] for one in found(found_now, "Schedule")}
    urgent = [
        one for one in found(found_now, "Slot") if named[one["schedule"]["reference"]] == "Urgent Afternoon"
    ]
    starts = [datetime.fromisoformat(one["start"]) for one in urgent]
    assert all(start - reception.diary.now() <= timedelta(days=2) for start in starts)


async def test_a_practice_without_a_diary_is_not_in_the_directory(consumer):
    with pytest.raises(IndexError):
        await consumer.route("A99010", f"{PREFIX}rest:search:slot-1")
    reception = Reception(consumer, "A99010")
    assert refused(await reception.search()) == (501, "NOT_IMPLEMENTED")
    assert len(found(await reception.find(BY_NAME["no_diary"].nhs_number))) == 1
