"""Searchsets of free slots as records."""

import orjson
import pytest
from pydantic import TypeAdapter

from bridge.fhir.parsing import Parsed
from bridge.mapping import SlotSearch, map_slots
from bridge.record.appointments import FreeSlots
from tests.support.diaries import (
    MONDAY,
    PRACTICE,
    Resource,
    full_practice,
    location,
    organisation,
    practitioner,
    schedule,
    searchset,
    slot,
)

SEARCH = SlotSearch(
    practice_ods_code=PRACTICE,
    window_start="2027-03-15T00:00:00+00:00",
    window_end="2027-03-29T00:00:00+01:00",
    retrieved_at="2027-03-12T09:00:00.000Z",
)
SESSION = (organisation(), location("1"), practitioner("1"), schedule("1"))


def parsed(bundle: object, *issues: str) -> Parsed:
    return Parsed(bundle, issues, may_hold_modifiers=True)


def mapped(*resources: Resource | str, search: SlotSearch = SEARCH) -> FreeSlots:
    found = map_slots([parsed(searchset(*resources))], search)  # type: ignore[arg-type]  # a text is no resource
    return TypeAdapter(FreeSlots).validate_python(found, strict=True)


@pytest.mark.duty("AP-012", "AP-013", "AP-014", "AP-015", "AP-016", "AP-017", "AP-018")
def test_a_slot_carries_all_that_must_be_shown_and_all_that_a_booking_needs():
    found = mapped(slot("12", MONDAY), *SESSION)

    assert found["slots"] == [
        {
            "offer": {
                "practice_ods_code": "A99001",
                "slot_id": "12",
                "schedule_id": "1",
                "location_id": "1",
                "practitioner_id": "1",
                "start": "2027-03-15T08:30:00+00:00",
                "end": "2027-03-15T08:40:00+00:00",
                "delivery_channel": "In-person",
                "service_type": "General GP appointment",
            },
            "minutes": 10,
            "session": "Morning surgery",
            "practitioner_role": {"term": "General Medical Practitioner", "code": "R0260"},
            "practitioner": {
                "practitioner_id": "1",
                "name": "Dr Kevin Slater",
                "gender": "male",
                "sds_user_id": "100000000001",
            },
            "location": {
                "location_id": "1",
                "name": "Example Surgery",
                "address": {"lines": ["1 High Street"], "city": "Leeds", "postcode": "LS1 1AA"},
                "contacts": [{"value": "0113 496 0000", "system": "phone", "use": "work"}],
            },
        }
    ]
    assert found["practice_name"] == "Example Practice"
    assert (found["unmapped"], found["issues"], found["not_offered"]) == ([], [], 0)


def test_the_name_is_that_of_the_practice_that_was_asked():
    other = organisation() | {"id": "other", "name": "Another Surgery"}
    other["identifier"] = [{**each, "value": "B22222"} for each in other["identifier"]]
    found = mapped(slot("12", MONDAY), other, *SESSION)
    assert found["practice_name"] == "Example Practice"
    assert "practice_name" not in mapped(slot("12", MONDAY), other, *SESSION[1:])


def test_a_name_that_is_one_text_is_shown_as_it_is():
    by_text = practitioner("1", name=[{"text": "The Duty Doctor"}])
    (found,) = mapped(slot("12", MONDAY), schedule("1"), location("1"), by_text)["slots"]
    assert found["practitioner"]["name"] == "The Duty Doctor"


@pytest.mark.duty("AP-021", "AP-057")
def test_what_cannot_be_booked_is_counted_and_not_offered():
    visit = [{"url": "https://x/Extension-GPConnect-DeliveryChannel-2", "valueCode": "Visit"}]
    late = SlotSearch(
        **{name: getattr(SEARCH, name) for name in SEARCH.__slots__}
        | {"retrieved_at": "2027-03-15T08:30:00Z"}
    )
    found = mapped(
        slot("begun", MONDAY),
        slot("busy", MONDAY.replace(hour=10), status="busy"),
        slot("visit", MONDAY.replace(hour=10), extension=visit),
        slot("free", MONDAY.replace(hour=10)),
        *SESSION,
        search=late,
    )
    assert [each["offer"]["slot_id"] for each in found["slots"]] == ["free"]
    assert found["not_offered"] == 3


CHANNEL = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-GPConnect-DeliveryChannel-2"


@pytest.mark.duty("AP-031")
@pytest.mark.parametrize(
    "unasked",
    [
        slot("12", MONDAY.replace(day=14)),
        slot("12", MONDAY.replace(month=4, day=1)),
        slot("12", MONDAY.replace(day=14, hour=23, minute=55)),
        slot("12", MONDAY.replace(hour=10), overbooked=True),
        slot("12", MONDAY.replace(hour=10), schedule="2"),
    ],
)
def test_what_was_not_asked_for_or_is_not_to_be_had_is_not_offered(unasked):
    unused = {**schedule("2"), "active": False}
    used = {**SESSION[0], "active": True}
    good = slot("good", MONDAY.replace(hour=10), overbooked=False)
    found = mapped(unasked, good, unused, used, *SESSION[1:])
    assert [each["offer"]["slot_id"] for each in found["slots"]] == ["good"]
    assert found["not_offered"] == 1
    assert (found["unmapped"], found["issues"]) == ([], [])


def test_a_slot_that_ends_with_the_window_is_inside_it():
    window = {"window_start": "2027-03-15T08:30:00+00:00", "window_end": "2027-03-15T08:50:00+00:00"}
    search = SlotSearch(**{name: getattr(SEARCH, name) for name in SEARCH.__slots__} | window)
    found = mapped(
        slot("first", MONDAY),
        slot("last", MONDAY.replace(minute=40)),
        slot("longer", MONDAY.replace(minute=40), minutes=20),
        *SESSION,
        search=search,
    )
    assert [each["offer"]["slot_id"] for each in found["slots"]] == ["first", "last"]
    assert found["not_offered"] == 1


@pytest.mark.duty("AP-014", "AP-057")
def test_the_channel_of_a_schedule_is_that_of_slots_without_their_own():
    def with_channel(resource, channel):
        extensions = [*resource.get("extension", []), {"url": CHANNEL, "valueCode": channel}]
        return {**resource, "extension": extensions}

    slots = [slot("own", MONDAY), slot("of-schedule", MONDAY, extension=None)]
    found = mapped(*slots, *SESSION[:3], with_channel(SESSION[3], "Telephone"))
    channels = {each["offer"]["slot_id"]: each["offer"]["delivery_channel"] for each in found["slots"]}
    assert channels == {"own": "In-person", "of-schedule": "Telephone"}
    found = mapped(*slots, *SESSION[:3], with_channel(SESSION[3], "Visit"))
    assert [each["offer"]["slot_id"] for each in found["slots"]] == ["own"]


@pytest.mark.duty("AP-016", "AP-018")
def test_people_and_places_that_are_named_in_words_alone_are_shown_so():
    actors = [
        {"reference": "Location/1", "display": "Mill Lane Surgery"},
        {"reference": "Practitioner/1", "display": "Dr Kevin Slater"},
        {"display": "Treatment room 2"},
    ]
    named = {**schedule("1"), "actor": actors}
    (found,) = mapped(slot("12", MONDAY), named)["slots"]
    assert found["location"] == {"location_id": "1", "name": "Mill Lane Surgery"}
    assert found["practitioner"] == {"practitioner_id": "1", "name": "Dr Kevin Slater"}
    assert found["also_named"] == ["Treatment room 2"]
    (found,) = mapped(slot("12", MONDAY), named, location("1"), practitioner("1", name=None))["slots"]
    assert found["location"]["name"] == "Example Surgery"
    assert found["practitioner"]["name"] == "Dr Kevin Slater"
    assert found["practitioner"]["gender"] == "male"
    nowhere = {**schedule("1"), "actor": [{"display": "Mill Lane Surgery"}]}
    unplaced = mapped(slot("12", MONDAY), nowhere)
    assert [each["reason"] for each in unplaced["unmapped"]] == ["dangling_reference"]


@pytest.mark.duty("AP-039", "SP-090")
def test_what_cannot_be_read_costs_itself_alone():
    nowhere = {**schedule("2"), "actor": [{"reference": "Practitioner/1"}]}
    found = mapped(
        slot("good", MONDAY),
        slot("no-end", MONDAY, end=None),
        slot("no-offset", MONDAY, start="2027-03-15T08:30:00"),
        slot("backwards", MONDAY, end="2027-03-15T08:00:00+00:00"),
        slot("bad id", MONDAY),
        slot("no-schedule", MONDAY, schedule="9"),
        slot("no-place", MONDAY, schedule="2"),
        "no resource",
        {"resourceType": "OperationOutcome", "id": "hint"},
        nowhere,
        *SESSION,
    )
    assert [each["offer"]["slot_id"] for each in found["slots"]] == ["good"]
    assert {(each["source_ref"], each["reason"]) for each in found["unmapped"]} == {
        ("Slot/no-end", "malformed"),
        ("Slot/no-offset", "malformed"),
        ("Slot/backwards", "malformed"),
        ("Slot", "malformed"),
        ("Slot/no-schedule", "dangling_reference"),
        ("Slot/no-place", "dangling_reference"),
        ("entry", "malformed"),
        ("OperationOutcome/hint", "unknown_type"),
    }


@pytest.mark.duty("AP-007")
def test_searches_that_overlap_give_every_slot_once_in_order_of_time():
    first = searchset(slot("b", MONDAY.replace(day=28, hour=3)), slot("a", MONDAY), *SESSION)
    later, night = MONDAY.replace(day=28, hour=9), MONDAY.replace(day=28, hour=3)
    second = searchset(slot("c", later), slot("b", night), *SESSION)
    found = map_slots(iter([parsed(first), parsed(second)]), SEARCH)
    assert [each["offer"]["slot_id"] for each in found["slots"]] == ["a", "b", "c"]
    assert found["unmapped"] == []

    other = searchset(slot("a", MONDAY.replace(day=16)), *SESSION)
    found = map_slots([parsed(first), parsed(other)], SEARCH)
    assert [(each["source_ref"], each["reason"]) for each in found["unmapped"]] == [
        ("Slot/a", "duplicate_id")
    ]


def test_the_type_that_was_searched_with_is_part_of_the_offer():
    searched = SlotSearch(
        **{name: getattr(SEARCH, name) for name in SEARCH.__slots__} | {"organisation_type": "urgent-care"}
    )
    (found,) = mapped(slot("12", MONDAY), *SESSION, search=searched)["slots"]
    assert found["offer"]["organisation_type"] == "urgent-care"


def test_what_comes_back_in_a_booking_is_on_one_line_and_of_bounded_length():
    (found,) = mapped(
        slot("12", MONDAY, serviceType=[{"text": " Long\r\n\u202eslot " + "x" * 300}]), *SESSION
    )["slots"]
    assert found["offer"]["service_type"] == "Long slot " + "x" * 190


def test_what_all_slots_of_a_schedule_repeat_cannot_be_of_any_size():
    slots = [slot(str(number), MONDAY) for number in range(300)]
    huge = location("1", name="x" * 1_000_000)
    category = {**schedule("2"), "serviceCategory": {"text": "x" * 1_000_000}}
    found = mapped(
        *slots, slot("other", MONDAY, schedule="2"), huge, practitioner("1"), schedule("1"), category
    )
    assert len(found["slots"]) == 301
    assert len(orjson.dumps(found)) < 1_000_000


def test_what_was_mended_to_read_an_answer_is_told_once():
    answers = [
        parsed(searchset(slot("12", MONDAY), *SESSION), "byte_order_mark", "replaced_characters"),
        parsed(searchset(), "byte_order_mark"),
    ]
    found = TypeAdapter(FreeSlots).validate_python(map_slots(answers, SEARCH), strict=True)
    assert [(issue["code"], "source_ref" in issue) for issue in found["issues"]] == [
        ("byte_order_mark", False),
        ("replaced_characters", False),
    ]
    assert len(found["slots"]) == 1


def test_thousands_of_slots_are_all_there():
    found = map_slots([parsed(orjson.loads(full_practice(clinicians=3)))], SEARCH)
    assert len(found["slots"]) == 600
    assert [each["offer"]["start"] for each in found["slots"]] == sorted(
        each["offer"]["start"] for each in found["slots"]
    )


def test_a_slot_with_what_may_change_its_meaning_is_told_and_not_offered() -> None:
    odd = slot("13", MONDAY) | {"modifierExtension": [{"url": "urn:x"}]}
    found = mapped(slot("12", MONDAY), odd, *SESSION)
    assert [each["offer"]["slot_id"] for each in found["slots"]] == ["12"]
    assert [(issue["code"], issue["source_ref"]) for issue in found["issues"]] == [
        ("modifier_extension", "Slot/13")
    ]
