"""What is told of changes between two answers, and what is kept for the next comparison."""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from bridge.areas.events import RecordCompleted, record_completed
from bridge.areas.publishing import areas_published
from bridge.areas.requests import Areas
from bridge.areas.table import AREAS
from bridge.contracts.events import Event
from bridge.renderings.changes.base import Base
from bridge.renderings.changes.comparing import REMEMBERED_MISSING, compare
from tests.support import bundles as b
from tests.support.copies import AreaCopy
from tests.support.mapped import SOURCE, mapped
from tests.support.whole_record import whole_record

EVERY_AREA: dict[str, Any] = {name: {} for name in Areas.model_fields}
HIDDEN = {"code": "confidential-items", "text": "Items excluded."}


@dataclass
class Answer:
    """An answer about observations, made up; its items by id, each of some content."""

    snapshot_id: str = "s1"
    items: dict[str, Any] = field(default_factory=dict)
    area: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    linked: frozenset[str] = frozenset()

    def event(self) -> Event:
        items = [
            {"item_id": name, "value": value, "provenance": {"content_hash": f"x{value}"}}
            | ({"linked_only": True} if name in self.linked else {})
            for name, value in self.items.items()
        ]
        area = {"area": "observations", "outcome": "items", "complete": True, "warnings": [], **self.area}
        data = {
            "schema_version": "1.0",
            "snapshot_id": self.snapshot_id,
            "retrieved_at": "2026-11-22T09:00:00Z",
            "holder_ods": "A99999",
            "demographics": {"verdict": "accept"},
            "area": area,
            "content_hash": "sha256:0",
            "items": items,
            "linked_problems": [],
            "unmapped": [],
            "issues": [],
            **self.header,
        }
        return Event("observations.published.v1", data, snapshot_id=self.snapshot_id)


def compared(answer: Answer, base: Base | None = None):
    return compare([answer.event()], base)


def as_kept(base: Base | None) -> Base:
    """What is read of it the next time."""
    assert base is not None
    read = Base.read(base.to_bytes())
    assert read is not None
    return read


def kept(*answers: Answer) -> Base:
    base = None
    for answer in answers:
        base = compared(answer, base).keep or base
    return as_kept(base)


def ops(comparison) -> dict[str, str]:
    [told] = comparison.told
    return {change["item_id"]: change["op"] for change in told.data["changes"]}


def outcome(comparison) -> Any:
    [only] = comparison.compared
    return only


def test_the_first_answer_is_told_whole():
    found = compared(Answer(items={"b": 1, "a": 1}))
    [told] = found.told
    assert told.kind == "observations.changed.v1"
    assert (told.data["base_snapshot_id"], told.data["whole_because"]) == (None, "first")
    assert [(each["op"], each["item_id"]) for each in told.data["changes"]] == [
        ("added", "a"),
        ("added", "b"),
    ]
    assert found.changed is None


def test_the_same_again_is_unchanged_and_told_by_no_event():
    base = kept(Answer(items={"a": 1, "b": 2}))
    found = compared(Answer("s2", {"b": 2, "a": 1}), base)
    assert found.told == []
    assert found.changed is False
    assert outcome(found) == {"area": "observations", "outcome": "unchanged", "base_snapshot_id": "s1"}


def test_each_change_is_told_with_its_hashes():
    base = kept(Answer(items={"same": 1, "other": 1, "gone": 1}))
    found = compared(Answer("s2", {"same": 1, "other": 2, "new": 1}), base)
    assert ops(found) == {"other": "changed", "gone": "not_returned", "new": "added"}
    [told] = found.told
    changes = {change["item_id"]: change for change in told.data["changes"]}
    assert told.data["base_snapshot_id"] == "s1"
    assert changes["other"]["before_hash"] != changes["other"]["after_hash"]
    assert changes["other"]["item"]["value"] == 2
    assert changes["gone"].keys() == {"op", "item_id", "before_hash", "may_be_hidden"}
    assert changes["gone"]["may_be_hidden"] is False
    assert found.changed is True


def test_what_comes_again_after_it_did_not_says_so():
    base = kept(Answer(items={"a": 1}), Answer("s2"))
    assert ops(compared(Answer("s3", {"a": 1}), base)) == {"a": "returned_again"}
    assert compared(Answer("s3"), base).changed is False, "it is told once"


@pytest.mark.parametrize("which", ["before", "now"])
@pytest.mark.parametrize(
    "area", [{"warnings": [HIDDEN]}, {"complete": False}, {"limited_to": {"from": "2026-01-01"}}]
)
def test_what_is_not_returned_may_be_hidden(which, area):
    """CS-044: where either answer is not all there is, absence says nothing."""
    before = Answer(items={"a": 1}, area=area if which == "before" or "limited_to" in area else {})
    now = Answer("s2", area=area if which == "now" or "limited_to" in area else {})
    [change] = compared(now, kept(before)).told[0].data["changes"]
    assert change["may_be_hidden"] is True


@pytest.mark.parametrize("bad", ["failed", "not_supported", "list_absent", "list_unusable", "unavailable"])
def test_of_an_area_that_was_not_answered_nothing_is_missed(bad):
    base = kept(Answer(items={"a": 1}))
    found = compared(Answer("s2", area={"outcome": bad, "complete": False}), base)
    [told] = found.told
    assert (told.data["changes"], told.data["covers"]) == ([], "returned_items")
    assert told.data["area"]["outcome"] == bad
    again = compared(Answer("s3", {"a": 1}), found.keep)
    assert again.told[0].data["changes"] == []


def test_how_the_area_was_answered_is_a_change_of_its_own():
    base = kept(Answer(items={"a": 1}))
    found = compared(Answer("s2", {"a": 1}, area={"warnings": [HIDDEN], "complete": False}), base)
    assert ops(found) == {}
    assert found.told[0].data["area"]["warnings"] == [HIDDEN]


def test_less_of_an_area_misses_nothing_of_the_rest():
    """That a period was asked for is no reason to take what lies outside of it for gone."""
    base = kept(Answer(items={"old": 1, "new": 1}))
    limited = {"limited_to": {"from": "2026-01-01"}}
    found = compared(Answer("s2", {"new": 2}, area=limited), base)
    assert ops(found) == {"new": "changed"}
    assert found.told[0].data["covers"] == "returned_items"
    all_again = compared(Answer("s3", {"old": 1, "new": 2}), found.keep)
    assert all_again.changed is False


def test_what_only_came_along_is_not_missed():
    base = kept(Answer(items={"a": 1, "b": 1}, linked=frozenset({"b"})))
    assert compared(Answer("s2", {"a": 1}), base).changed is False


def test_areas_that_were_not_asked_for_are_not_compared():
    base = kept(Answer(items={"a": 1}))
    found = compared(Answer("s2", {"a": 2}, area={"outcome": "not_requested", "complete": False}), base)
    assert (found.told, found.compared, found.keep) == ((), (), None)


def test_another_practice_is_told_whole():
    base = kept(Answer(items={"a": 1}))
    found = compared(Answer("s2", {"a": 1}, header={"holder_ods": "B88888"}), base)
    assert found.told[0].data["whole_because"] == "practice_changed"
    assert found.keep.holder_ods == "B88888"


def test_an_older_answer_of_the_practice_of_before_does_not_move_the_patient_back():
    earlier = Answer(items={"a": 1})
    base = kept(
        earlier, Answer("s2", header={"holder_ods": "B88888", "retrieved_at": "2026-11-22T10:00:00Z"})
    )
    late = Answer("s3", {"a": 1}, header={"retrieved_at": "2026-11-22T09:59:59Z"})
    found = compared(late, base)
    assert outcome(found)["reason"] == "older_answer"
    assert (found.told, found.keep) == ((), None)


def test_what_is_kept_in_another_form_is_as_good_as_nothing():
    assert Base.read(b'{"form":0,"holder":"A99999","areas":{}}') is None
    found = compare([Answer(items={"a": 1}).event()], "base_unusable")
    assert found.told[0].data["whole_because"] == "base_unusable"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"demographics": {"verdict": "review"}}, "patient_in_review"),
        ({"holder_ods": None}, "practice_unknown"),
        ({"retrieved_at": "2026-11-22T08:59:59Z"}, "older_answer"),
    ],
)
def test_what_must_not_be_compared_leaves_what_is_kept_as_it_is(header, reason):
    base = kept(Answer(items={"a": 1}))
    found = compared(Answer("s2", {"a": 2}, header=header), base)
    assert outcome(found) == {"area": "observations", "outcome": "not_compared", "reason": reason}
    assert found.told in ((), [])
    assert found.changed is None
    assert found.keep in (None, base)


def test_two_items_of_one_id_are_not_compared():
    event = Answer(items={"a": 1}).event()
    event.data["items"].append({**event.data["items"][0], "value": 2})
    found = compare([event], None)
    assert outcome(found)["reason"] == "ids_repeat"


def test_issues_that_were_not_asked_for_are_not_taken_for_gone():
    def medications(*, issues: bool, snapshot: str) -> Event:
        record = mapped(b.typical_record(), areas={"medications": {"include_issues": issues}})
        record["snapshot_id"] = snapshot
        return areas_published(record, Areas.model_validate({"medications": {"include_issues": issues}}))[0]

    whole, less = medications(issues=True, snapshot="s1"), medications(issues=False, snapshot="s2")
    base = compare([whole], None).keep
    found = compare([less], base)
    assert (outcome(found)["reason"], found.told) == ("less_asked", [])
    first = compare([less], None)
    assert compare([whole], first.keep).told[0].data["whole_because"] == "more_asked"


WITHOUT, WITH = {"issues_included": False}, {"issues_included": True}
PART = {"search_from": "2026-11-01"}


def test_more_of_each_item_of_a_part_leaves_the_rest_known():
    """What was not asked for is not gone, and that it is gone is told once all is asked for."""
    copy = AreaCopy()
    first = compared(Answer("s1", {"a": 1, "b": 1, "c": 1}, header=WITHOUT))
    part = compared(Answer("s2", {"c": 1}, area=PART, header=WITH), as_kept(first.keep))
    for found in (first, part):
        assert copy.take_changes(found.told[0].data)
    assert (part.told[0].data["whole_because"], part.told[0].data["covers"]) == (
        "more_asked",
        "returned_items",
    )
    assert copy.returned.keys() == {"a", "b", "c"}
    again = compared(Answer("s3", {"c": 1}, area=PART, header=WITH), as_kept(part.keep))
    assert again.changed is False, "the same part says nothing of the rest either"
    whole_again = compared(Answer("s4", {"a": 1, "c": 1}, header=WITH), as_kept(again.keep))
    assert ops(whole_again) == {"b": "not_returned"}
    assert copy.take_changes(whole_again.told[0].data)
    assert copy.returned.keys() == {"a", "c"}


def test_more_of_each_item_that_was_not_answered_is_still_to_come():
    base = kept(Answer("s1", {"a": 1, "b": 1}, header=WITHOUT))
    failed = compared(Answer("s2", area={"outcome": "failed", "complete": False}, header=WITH), base)
    [told] = failed.told
    assert (told.data["base_snapshot_id"], told.data["covers"], told.data["changes"]) == (
        "s1",
        "returned_items",
        [],
    )
    known = as_kept(failed.keep)
    assert compared(Answer("s3", {"a": 1, "b": 1}, header=WITHOUT), known).compared[0]["outcome"] == "changed"
    found = compared(Answer("s3", {"a": 1}, header=WITH), known)
    assert outcome(found)["reason"] == "more_asked"
    assert found.told[0].data["covers"] == "all_items"


def test_more_of_each_item_of_the_same_part_covers_it():
    base = kept(Answer("s1", {"a": 1, "b": 1}, area=PART, header=WITHOUT))
    assert (
        compared(Answer("s2", {"a": 1}, area=PART, header=WITH), base).told[0].data["covers"] == "all_items"
    )


@pytest.mark.parametrize("part", [PART, {"limited_to": {"status": "active"}}])
def test_the_first_answer_about_a_part_is_not_taken_for_all_there_is(part):
    first = compared(Answer(items={"a": 1}, area=part))
    assert first.told[0].data["covers"] == "returned_items"
    again = compared(Answer("s2", area=part), as_kept(first.keep))
    assert ops(again) == {"a": "not_returned"}
    # A problem that is inactive by now does not come where active ones are asked for.
    assert [each["may_be_hidden"] for each in again.told[0].data["changes"]] == [True]


def test_what_is_not_among_the_newest_any_more_is_not_taken_for_gone():
    newest = {"limited_to": {"most_recent": 1}}
    base = kept(Answer(items={"a": 1}, area=newest))
    found = compared(Answer("s2", {"b": 1}, area=newest), base)
    assert (ops(found), found.told[0].data["covers"]) == ({"b": "added"}, "returned_items")


def test_as_many_missing_items_are_remembered_as_are_of_use():
    many = {f"i{n:05}": 1 for n in range(REMEMBERED_MISSING + 5)}
    base = kept(Answer(items=many), Answer("s2"))
    assert len(base.areas["observations"].items) == REMEMBERED_MISSING


def test_so_are_those_that_only_came_along_but_never_at_the_cost_of_what_comes():
    many = {f"i{n:05}": 1 for n in range(REMEMBERED_MISSING + 5)}
    along = Answer(items={"a": 1, **many}, linked=frozenset(many))
    assert compared(along, kept(along)).changed is False
    base = kept(along, Answer("s2", {"a": 1}))
    assert len(base.areas["observations"].items) == 1 + REMEMBERED_MISSING
    assert "a" in base.areas["observations"].items


contents = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 2), max_size=8)
areas = st.fixed_dictionaries(
    {"complete": st.booleans()},
    optional={
        "limited_to": st.sampled_from([{"from": "2026-01-01"}, {"from": "2025-01-01"}]),
        "outcome": st.sampled_from(["items", "failed", "only_withheld", "nothing_recorded"]),
    },
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(contents, areas, st.frozensets(st.sampled_from("abcdefgh"))), max_size=8))
def test_whoever_takes_every_event_holds_what_the_practice_told(answers):
    copy, base, last = AreaCopy(), None, None
    for number, (items, area, linked) in enumerate(answers):
        answer = Answer(f"s{number}", items, area, linked=linked)
        found = compared(answer, base)
        was = dict(copy.items)
        for told in found.told:
            assert told.data["base_snapshot_id"] == last, "each event follows the one before"
            assert copy.take_changes(told.data)
            last = told.data["snapshot_id"]
        base = as_kept(found.keep)
        assert was.keys() <= copy.items.keys(), "nothing is ever deleted"
        assert {name: item["value"] for name, item in copy.items.items() if name in items} == items
        assert copy.not_returned.keys().isdisjoint(items)
        if "limited_to" not in area and area.get("outcome") != "failed":
            expected = {
                name for name in copy.returned if not base.areas["observations"].items[name].is_linked
            }
            assert expected <= items.keys()


@settings(max_examples=25, deadline=None)
@given(contents, contents, st.randoms(use_true_random=False))
def test_the_order_of_items_changes_nothing(before, now, shuffled: random.Random):
    def of(items: dict[str, int], snapshot: str) -> Answer:
        names = list(items)
        shuffled.shuffle(names)
        return Answer(snapshot, {name: items[name] for name in names})

    def told(base: Base | None) -> list[Any]:
        return [each.data["changes"] for each in compared(of(now, "s2"), base).told]

    assert told(kept(of(before, "s1"))) == told(kept(of(before, "s1")))


def whole(bundle: Any, snapshot: str, **areas: Any) -> list[Event]:
    wanted = areas or EVERY_AREA
    record = mapped(bundle, areas=wanted)
    record["snapshot_id"] = snapshot
    return areas_published(record, Areas.model_validate(wanted))


def test_a_whole_record_is_unchanged_whatever_was_asked_for_beside():
    """Links lead to what was asked for as well; that is no change of the item that has them."""
    base = compare(whole(whole_record(), "s1"), None).keep
    assert compare(whole(whole_record(), "s2"), base).changed is False
    for name in EVERY_AREA:
        # That documents came along with something is all that is known of them.
        found = compare(whole(whole_record(), "s3", **{name: {}}), base)
        assert [each for each in found.compared if each["outcome"] != "unchanged"] == []


def test_every_kind_of_event_is_what_its_type_says():
    bundle = whole_record()
    first = compare(whole(bundle, "s1"), None)
    for entry in bundle["entry"]:
        resource = entry["resource"]
        if resource["resourceType"] not in {"Patient", "Practitioner", "Organization", "List"}:
            resource["identifier"] = b.identifier(f"new-{resource['id']}")
    second = compare(whole(bundle, "s2"), first.keep)
    adapters = {spec.changed_kind: TypeAdapter(spec.changed) for spec in AREAS.areas}
    for found in (first, second):
        assert {each.kind for each in found.told} == set(adapters)
        for told in found.told:
            adapters[told.kind].validate_python(told.data, strict=True)


def test_the_manifest_says_what_it_came_to():
    record = mapped(whole_record(), areas=EVERY_AREA)
    parts = areas_published(record, Areas.model_validate(EVERY_AREA))
    found = compare(parts, None)
    manifest = record_completed(record, parts, request_id="r1").data
    told = {**manifest, "compared": found.compared}
    TypeAdapter(RecordCompleted).validate_python(told, strict=True)
    assert str(SOURCE.patient_key) not in as_kept(found.keep).to_bytes().decode()


def changed_by(**overrides: Any) -> dict[str, str]:
    """What is told when one allergy, or one course, of a record becomes another."""

    def of(**now: Any) -> list[Event]:
        return whole(
            b.record(
                b.record_list(b.MEDICATIONS_LIST, "MedicationStatement/s1"),
                b.record_list(b.ALLERGIES_LIST, "AllergyIntolerance/a1"),
                b.ended_list(),
                b.medication(),
                b.statement(**now.get("statement", {})),
                b.plan(**now.get("plan", {})),
                b.allergy(),
                b.problem("c1", **now.get("problem", {})),
                b.record_list("717711000000103", "Condition/c1"),
            ),
            str(now),
            medications={},
            allergies={},
            problems={},
        )

    found = compare(of(**overrides), compare(of(), None).keep)
    return {change["item_id"]: change["op"] for told in found.told for change in told.data["changes"]}


@pytest.mark.duty("CS-085")
def test_ended_is_what_the_practice_says_has_ended():
    over = {"status": "completed", "effectivePeriod": {"start": "2026-01-05", "end": "2026-02-01"}}
    ended = {"statement": over, "plan": {"status": "completed"}}
    assert list(changed_by(**ended).values()) == ["ended"]
    assert list(changed_by(problem={"clinicalStatus": "inactive"}).values()) == ["ended"]


def test_completed_without_a_date_that_has_passed_is_no_end():
    """In one system it only means that it was issued: the dates decide."""
    ahead = {"status": "completed", "effectivePeriod": {"start": "2026-01-05", "end": "2099-02-01"}}
    assert list(changed_by(statement=ahead, plan={"status": "completed"}).values()) == ["changed"]
