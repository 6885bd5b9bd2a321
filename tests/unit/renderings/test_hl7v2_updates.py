"""Allergies as updates (ADT^A60): each message has all of them, and none says more of one than is known."""

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import hl7
import orjson
import pytest
from hl7types.codecs.er7 import decode_er7, encode_er7
from hl7types.hl7.v2_4.messages.ADT_A60 import ADT_A60
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.areas import GpRecord
from bridge.hl7v2 import Message
from bridge.operations.rendered import whole_answer
from bridge.renderings.changes.base import Base
from bridge.renderings.changes.spec import CHANGES
from bridge.renderings.hl7v2 import render
from bridge.renderings.rendering import (
    Hl7v2Options,
    Remembered,
    Rendered,
    RenderingOptions,
    ToldBefore,
    Withheld,
)
from tests.support import bundles
from tests.support.bundles import allergy, ended_allergy
from tests.support.hl7v2 import er7, kind, of_allergies, words
from tests.support.mapped import mapped

TOPIC = "allergies.rendered.hl7v2.v1"
OPTIONS = RenderingOptions(hl7v2=Hl7v2Options(allergies="changes"))
NUTS = bundles.concept("91934008", "Allergy to nut")
NONE_KNOWN = bundles.concept("716186003", "No known allergy")
LATER = "2026-11-23T09:00:00Z"


def made_of(record: GpRecord, base: bytes | None = None) -> Sequence[Rendered | Withheld]:
    """What stands on the topic of an answer, after what was told before."""
    answer = replace(whole_answer(record), before=ToldBefore(base))
    made = [each for each in render(answer, OPTIONS) if each.topic == TOPIC]
    assert len(made) == 2
    return made


def base_of(*records: GpRecord) -> bytes | None:
    """What is kept after these answers."""
    base: bytes | None = None
    for record in records:
        answer = replace(whole_answer(record), before=ToldBefore(base))
        (kept,) = [
            each for each in CHANGES.render(answer, RenderingOptions()) if isinstance(each, Remembered)
        ]
        base = kept.base or base
    return base


def both(record: GpRecord, *before: GpRecord) -> tuple[Message, Message]:
    """The update and the report of an answer that has both."""
    update, report = made_of(record, base_of(*before))
    assert isinstance(update, Rendered), update
    assert isinstance(report, Rendered), report
    found = er7(update), er7(report)
    assert [kind(each) for each in found] == ["ADT^A60", "ORU^R01"]
    return found


def withheld(record: GpRecord, *before: GpRecord) -> tuple[Withheld, Message]:
    """Why there is no update, and the report in its place."""
    why, report = made_of(record, base_of(*before))
    assert isinstance(why, Withheld), why
    assert isinstance(report, Rendered), report
    assert kind(er7(report)) == "ORU^R01"
    return why, er7(report)


def told(found: Message) -> list[Mapping[int, str]]:
    """What each IAM has, by its fields."""
    return [
        {number: value for number in range(1, 21) if (value := each.raw(number))} for each in found.all("IAM")
    ]


def actions(found: Message) -> dict[str, str]:
    return {each[7].rpartition("\\")[2]: each[6] for each in told(found)}


@pytest.fixture(scope="module")
def one() -> GpRecord:
    return of_allergies(allergy())


def test_an_update_has_everything_that_is_known_of_an_allergy_in_the_fields_of_iam(one: GpRecord):
    asserted = {"asserter": bundles.reference("Practitioner/dr1"), "type": "allergy"}
    nuts = allergy("a2", code=NUTS, category=["environment"], onsetDateTime="2004-05", **asserted)
    update, report = both(of_allergies(allergy(), nuts), one)
    assert [each.name for each in update.segments] == ["MSH", "EVN", "PID", "PV1", "IAM", "IAM"]
    assert told(update)[1] == {
        1: "2",
        2: "MA",
        3: "91934008^Allergy to nut^SCT",
        4: "MO",
        5: "Weal",
        6: "A",
        7: "https://provider.nhs.uk/data-identifier\\F\\ai-a2",
        9: "AL",
        11: "200405",
        13: "20120507",
        14: "Dr Jo Doe^^^^^^D",
    }
    # IAM has no place for words: the report has all of each, under its number and id.
    items = {each.text(4): each.text(5).split("\n") for each in report.all("OBX") if each.text(3) == "ITEM"}
    assert items["2"][:2] == [
        "Identifier: https://provider.nhs.uk/data-identifier|ai-a2",
        "Allergy to nut (active)",
    ]


def test_an_update_has_every_allergy_each_time_so_that_the_newest_makes_up_for_one_that_was_lost(
    one: GpRecord,
):
    more = of_allergies(allergy(), allergy("a2", code=NUTS))
    assert actions(both(one)[0]) == {"ai-a1": "A"}
    assert actions(both(more, one)[0]) == {"ai-a1": "U", "ai-a2": "A"}
    # Nothing changed, and whoever missed the one before has all from this one.
    assert actions(both(more, one, more)[0]) == {"ai-a1": "U", "ai-a2": "U"}
    changed = of_allergies(allergy(code=NUTS))
    assert [(each[3], each[6]) for each in told(both(changed, one)[0])] == [
        ("91934008^Allergy to nut^SCT", "U")
    ]


def test_what_was_told_by_another_practice_or_cannot_be_read_is_not_known(one: GpRecord):
    base = base_of(one)
    assert base is not None
    known = Base.read(base)
    assert known is not None
    elsewhere = Base("B81001", known.areas).to_bytes()
    another_form = orjson.dumps(orjson.loads(base) | {"form": 99})
    for each in (None, elsewhere, another_form):
        made, _ = made_of(one, each)
        assert isinstance(made, Rendered)
        assert actions(er7(made)) == {"ai-a1": "A"}


@pytest.mark.duty("CS-085", "CS-086")
def test_an_end_is_told_in_words_and_never_as_a_delete_or_an_active_allergy(one: GpRecord):
    nuts = allergy("a2", code=NUTS)
    update, report = both(of_allergies(nuts, ended_allergy("a1")), of_allergies(allergy(), nuts))
    assert actions(update) == {"ai-a2": "U"}
    assert [each.raw(17) for each in update.all("IAM")] == [""]
    (said,) = [each for each in words(report, "ITEM") if "(ended)" in each]
    assert said.split("\n")[:2] == [
        "Ended since it was told before: it is not active any more.",
        "Identifier: https://provider.nhs.uk/data-identifier|ai-a1",
    ]
    # Where the last one ended, an A60 would be empty, and might be read as "none".
    why, alone = withheld(of_allergies(ended_allergy("a1")), one)
    assert why.reason == "not_expressible"
    assert any("(ended)" in each for each in words(alone, "ITEM"))


def test_what_did_not_come_is_told_in_words_each_time_until_it_comes_again(one: GpRecord):
    more = of_allergies(allergy(), allergy("a2", code=NUTS))
    for before in ([more], [more, one]):
        update, report = both(one, *before)
        assert actions(update) == {"ai-a1": "U"}
        missing = [each for each in words(report, "ITEM") if "not returned" in each]
        assert [each.split("\n") for each in missing] == [
            [
                "Told before, and not returned this time, which does not say that it was deleted: keep it.",
                "Identifier: https://provider.nhs.uk/data-identifier|ai-a2",
            ]
        ]
    update, report = both(more, more, one)
    assert actions(update) == {"ai-a1": "U", "ai-a2": "U"}
    assert not any("not returned" in each for each in words(report, "ITEM"))


def test_what_may_have_ended_is_not_told_to_be_kept():
    nuts = allergy("a2", code=NUTS)
    first = of_allergies(allergy(), nuts)
    # No list of ended allergies came: they were not asked for, or the practice left it out.
    second = mapped(
        bundles.record(bundles.record_list(bundles.ALLERGIES_LIST, "AllergyIntolerance/a2"), nuts)
    )
    update, report = both(second, first)
    assert actions(update) == {"ai-a2": "U"}
    (said,) = [each for each in words(report, "ITEM") if "not returned" in each]
    assert "It may have ended" in said
    assert "keep it" not in said


def test_an_older_answer_says_of_nothing_newer_that_it_did_not_come(one: GpRecord):
    newer = of_allergies(allergy(), allergy("a2", code=NUTS))
    newer["retrieved_at"] = LATER
    _, report = both(one, newer)
    assert not any("not returned" in each for each in words(report, "ITEM"))


@pytest.mark.parametrize("warning", ["confidential-items", "data-in-transit", "data-awaiting-filing"])
@pytest.mark.duty("CS-044")
def test_a_list_that_is_not_whole_is_a_report_alone(one: GpRecord, warning: str):
    why, report = withheld(of_allergies(allergy(), warnings=(warning,)), one)
    assert why == Withheld(TOPIC, "area_incomplete", "allergies.area: is not all there is")
    obr = report.first("OBR")
    assert obr is not None
    assert (obr.text(25), report.all("IAM")) == ("A", [])
    assert "Allergy to penicillin (active)" in words(report, "ITEM")[0]


@pytest.mark.duty("CS-092")
def test_that_there_is_none_is_no_update(one: GpRecord):
    none_known = of_allergies(allergy(code=NONE_KNOWN, reaction=None))
    assert none_known["allergy_statement"] == "no_known_allergies"
    for record in (none_known, of_allergies()):
        why, report = withheld(record, one)
        assert (why.reason, "a60" in why.detail.lower()) == ("not_expressible", True)
        assert words(report, "STATEMENT")


def test_a_statement_that_is_contradicted_costs_no_allergy_and_is_not_told_as_one():
    denied = allergy("a2", code=NONE_KNOWN, reaction=None)
    update, report = both(of_allergies(allergy(), denied))
    assert actions(update) == {"ai-a1": "A"}
    assert words(report, "STATEMENT")[0].startswith("Contradictory")


def test_two_of_one_id_are_a_report_alone_or_the_second_would_take_the_place_of_the_first():
    record = of_allergies(allergy(), allergy("a2", code=NUTS))
    for item in record["allergies"]:
        item["item_id"] = "one"
    why, report = withheld(record)
    assert why.detail == "allergies.items.item_id: is not unique, and IAM-7 must be"
    assert len(words(report, "ITEM")) == 2


@pytest.mark.duty("CS-048")
def test_of_a_patient_who_must_be_looked_at_first_nothing_is_sent():
    record = of_allergies(allergy(), birth_date=date(1950, 2, 1))
    made = [each for each in render(whole_answer(record), OPTIONS) if each.topic == TOPIC]
    assert made == [Withheld(TOPIC, "patient_in_review", "demographics.verdict is not accept")]


def test_a_field_that_has_no_room_costs_the_update_and_an_id_is_told_by_its_hash(one: GpRecord):
    long = allergy("a2", code={"text": "x" * 251})
    why, report = withheld(of_allergies(allergy(), long), one)
    assert why == Withheld(TOPIC, "field_too_long", "IAM-3 is longer than 250 characters")
    assert "x" * 251 in "".join(words(report, "ITEM"))
    named = allergy("a2", code=NUTS, identifier=bundles.identifier("i" * 60))
    update, report = both(of_allergies(named))
    (iam,) = told(update)
    assert iam[7].startswith("sha256:")
    assert words(report, "ITEM")[0].startswith(f"Identifier: {iam[7]}\n")


def test_reactions_that_have_no_room_are_told_in_full_in_the_report_and_never_cut():
    manifestations = [
        bundles.concept("247472004", "Weal"),
        bundles.concept("39579001", text="Anaphylactic shock"),
    ]
    update, report = both(of_allergies(allergy(reaction=[{"manifestation": manifestations}])))
    (iam,) = told(update)
    assert 5 not in iam
    assert {"Weal", "Anaphylactic shock"} <= set(words(report, "ITEM")[0].split("\n"))


def test_the_asserter_is_named_where_there_is_room_and_a_patient_never():
    def asserter(name: str, who: str) -> str:
        record = of_allergies(allergy(code=NUTS))
        record["allergies"][0]["provenance"]["author"] = {"kind": who, "name": name}  # type: ignore[typeddict-item]  # two kinds
        return told(both(record)[0])[0].get(14, "")

    assert asserter("Dr A. Sample", "practitioner") == "Dr A. Sample^^^^^^D"
    assert asserter("x" * 54, "practitioner") == ""
    assert asserter("Ann Testpatient", "patient") == ""


def test_both_have_ids_of_their_own_and_only_the_update_says_how_old_it_is(one: GpRecord):
    first, again = made_of(one), made_of(one)
    assert [each.id for each in first if isinstance(each, Rendered)] == [
        each.id for each in again if isinstance(each, Rendered)
    ]
    events = [orjson.loads(each.body) for each in first if isinstance(each, Rendered)]
    assert [each.get("snapshotat") for each in events] == ["2026-11-22T09:00:00Z", None]
    assert len({each["id"] for each in events}) == 2
    assert len({er7(each).header.control_id for each in first if isinstance(each, Rendered)}) == 2


AWKWARD = "|^~\\&-'\u2013EFSTRX.br\r\n\x0b\x1c\" 0é"


@settings(deadline=None)
@given(st.text(st.sampled_from(AWKWARD), min_size=1, max_size=12))
def test_no_text_breaks_an_update_or_is_changed_in_it(text: str):
    record = of_allergies(allergy())
    (item,) = record["allergies"]
    item["item_id"] = text
    item["substance"] = {**item["substance"], "term": text}
    item["provenance"]["author"] = {"kind": "practitioner", "name": text}
    update, _ = both(record)
    (iam,) = update.all("IAM")
    assert [each.name for each in update.segments] == ["MSH", "EVN", "PID", "PV1", "IAM"]
    assert [iam.text(3, 2), iam.text(7), iam.text(14)] == [
        re.sub("\r\n?", "\n", text)
    ] * 3  # breaks come back as one kind


def test_readers_of_other_makes_read_the_same(one: GpRecord):
    named = {"a1": "Peni & cillin", "a2": "Nuts \u2013 all", "a3": "Take | ^ ~"}
    record = of_allergies(*(allergy(name, code={"text": text}) for name, text in named.items()))
    made, _ = made_of(record, base_of(one))
    assert isinstance(made, Rendered)
    raw = b64decode(orjson.loads(made.body)["data_base64"]).decode()
    own = {each[7]: each[6] for each in told(er7(made))}
    second = hl7.parse(raw)
    assert {str(each(7)): str(each(6)) for each in second.segments("IAM")} == own
    names = [second.unescape(str(each(3)(1)(2))) for each in second.segments("IAM")]
    assert sorted(names) == sorted(named.values())
    third: Any = decode_er7(raw, ADT_A60, strict=True)
    assert encode_er7(third).rstrip("\r") == raw.rstrip("\r")
    found = third.model_dump()["IAM"]
    assert sorted((each["iam_6"]["cne_1"], each["iam_3"]["ce_2"]) for each in found) == [
        ("A", "Nuts \u2013 all"),
        ("A", "Take | ^ ~"),
        ("U", "Peni & cillin"),
    ]
