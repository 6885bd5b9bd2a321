"""HL7 v2: a receiver that replaces all it has by a message never loses or invents anything by it."""

import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache
from typing import Any

import hl7
import orjson
import pytest
from hl7types.codecs.er7 import decode_er7, encode_er7
from hl7types.hl7.v2_4.messages.ADT_A05 import ADT_A05
from hl7types.hl7.v2_4.messages.ORU_R01 import ORU_R01
from hl7types.hl7.v2_4.messages.VXU_V04 import VXU_V04
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.areas import GpRecord
from bridge.contracts.envelope import EventStyle
from bridge.hl7v2 import LATIN_1, Message
from bridge.operations.rendered import rendered, whole_answer
from bridge.renderings.hl7v2 import HL7V2, render
from bridge.renderings.hl7v2.message import control_id
from bridge.renderings.rendering import (
    Hl7v2Options,
    OutgoingEvent,
    Rendered,
    RenderingOptions,
    WholeAnswer,
    Withheld,
)
from tests.support import bundles, whole_record
from tests.support.bundles import Resource, allergy, ended_allergy
from tests.support.hl7v2 import er7, kind, message, of_allergies, told, words
from tests.support.leaves import Leaf, example
from tests.support.mapped import mapped

NONE_KNOWN = bundles.concept("716186003", "No known allergy")
NO_DRUG_KNOWN = bundles.concept("409137002", "No known drug allergy")
VACCINATIONS = "1102181000000102"


def allergens(found: Message) -> list[tuple[str, str, str]]:
    return [(each.text(3), each.text(3, 2), each.text(3, 3)) for each in found.all("AL1")]


def test_a_snapshot_says_how_old_it_is_and_a_report_replaces_nothing_and_does_not():
    whole = of_allergies(allergy())
    in_part = of_allergies(allergy(), warnings=("confidential-items",))
    found = [
        orjson.loads(made.body)
        for record in (whole, in_part)
        for made in rendered(record, "hl7v2", RenderingOptions())
        if isinstance(made, Rendered)
    ]
    assert [kind(message(record, "allergies")) for record in (whole, in_part)] == ["ADT^A31", "ORU^R01"]
    assert found[0]["snapshotat"] == "2026-11-22T09:00:00Z"
    assert "snapshotat" not in found[1]


# Allergies


@pytest.mark.duty("CS-085", "CS-086")
def test_a_whole_list_of_allergies_is_a_snapshot_without_those_that_ended():
    found = message(
        of_allergies(allergy(), ended_allergy(code=bundles.concept("91937001", "Nuts"))), "allergies"
    )
    assert kind(found) == "ADT^A31"
    assert [each.name for each in found.segments] == ["MSH", "EVN", "PID", "PV1", "OBX", "OBX", "OBX", "AL1"]
    (al1,) = found.all("AL1")
    assert [al1.raw(number) for number in range(1, 7)] == [
        "1",
        "DA",
        "91936005^Allergy to penicillin^SCT",
        "MO",
        "Weal",
        "",
    ]
    (said,) = words(found, "ITEM")
    assert said.startswith("Allergy to penicillin (active)\n")
    assert "Nuts" not in str(found.segments) + "".join(words(found, "ITEM"))


@pytest.mark.parametrize("warning", ["confidential-items", "data-in-transit", "data-awaiting-filing"])
@pytest.mark.duty("CS-044")
def test_a_list_that_is_not_whole_is_a_report_and_never_a_snapshot(warning: str):
    found = message(of_allergies(allergy(), warnings=(warning,)), "allergies")
    assert (kind(found), found.all("AL1")) == ("ORU^R01", [])
    obr = found.first("OBR")
    assert obr is not None
    assert (obr.text(4), obr.text(25)) == ("ALLERGIES", "A")
    assert "incomplete. Do not take this for the whole." in "".join(words(found, "AREA"))
    assert words(found, "ITEM")[0].startswith("Allergy to penicillin (active)")


def of_outcome(name: str) -> GpRecord:
    empty = bundles.record_list(bundles.ALLERGIES_LIST)
    reason = f"{bundles.SYSTEMS}/CareConnect-ListEmptyReasonCode-1"
    unusual = {"emptyReason": bundles.concept("unavailable", system=reason), "note": None}
    lists = {
        "nothing_recorded": [empty],
        "only_withheld": [bundles.record_list(bundles.ALLERGIES_LIST, warnings=("confidential-items",))],
        "list_absent": [],
        "unexplained": [bundles.built(empty, unusual)],
    }
    return mapped(bundles.record(*lists[name], bundles.ended_list()), areas={"allergies": {}})


@pytest.mark.parametrize("name", ["nothing_recorded", "only_withheld", "list_absent", "unexplained"])
@pytest.mark.duty("CS-092")
def test_an_empty_list_is_never_told_as_no_allergies(name: str):
    found = message(of_outcome(name), "allergies")
    assert (kind(found), found.all("AL1")) == ("ORU^R01", [])
    (said,) = words(found, "STATEMENT")
    assert said.startswith("Not known")
    assert "no known allerg" not in said.lower()


def test_no_known_allergy_is_told_only_where_the_statement_says_so():
    found = message(of_allergies(allergy(code=NONE_KNOWN, reaction=None)), "allergies")
    assert (kind(found), allergens(found)) == ("ADT^A31", [("716186003", "No known allergy", "SCT")])
    (al1,) = found.all("AL1")
    assert [al1.raw(number) for number in (2, 4, 5, 6)] == ["", "", "", ""]

    kinds = message(of_allergies(allergy(code=NO_DRUG_KNOWN, reaction=None)), "allergies")
    assert (kind(kinds), kinds.all("AL1")) == ("ORU^R01", [])
    assert words(kinds, "STATEMENT")[0].startswith("No known allergies of these kinds alone: drugs.")

    partial = message(
        of_allergies(allergy(code=NONE_KNOWN, reaction=None), warnings=("data-in-transit",)), "allergies"
    )
    assert (kind(partial), partial.all("AL1")) == ("ORU^R01", [])


def test_a_statement_that_is_contradicted_costs_no_allergy_and_is_not_told_as_one():
    both = of_allergies(allergy(), allergy("a2", code=NONE_KNOWN, reaction=None))
    found = message(both, "allergies")
    assert (kind(found), [code for code, _, _ in allergens(found)]) == ("ADT^A31", ["91936005"])
    assert words(found, "STATEMENT")[0].startswith("Contradictory")
    assert len(words(found, "ITEM")) == 2


@pytest.mark.parametrize(
    "code",
    [
        bundles.concept("196461000000101", "Transfer-degraded drug allergy", text="Peni & cillin"),
        bundles.concept("EGTON-1", "Peni & cillin", "http://www.e-mis.com/emisopen"),
        {"text": "Peni & cillin"},
    ],
)
def test_a_code_that_means_nothing_is_told_in_words_alone(code: Resource):
    found = message(of_allergies(allergy(code=code)), "allergies")
    assert allergens(found) == [("", "Peni & cillin", "")]
    assert "Not to be used for automatic checks." in words(found, "ITEM")[0]


@pytest.mark.parametrize(
    ("sent", "told_as"),
    [("severe", "SV"), ("moderate", "MO"), ("mild", "MI"), ("unheard-of", ""), (None, "")],
)
def test_only_severities_that_have_a_code_are_told(sent: str | None, told_as: str):
    reaction = {"manifestation": [bundles.concept("247472004", "Weal")], "severity": sent}
    (al1,) = message(of_allergies(allergy(reaction=[reaction])), "allergies").all("AL1")
    assert (al1.raw(4), al1.raw(5)) == (told_as, "Weal")


def test_of_several_reactions_the_worst_severity_is_told():
    reactions = [
        {"manifestation": [bundles.concept("1", text=name)], "severity": severity}
        for name, severity in (("Rash", "mild"), ("Wheeze", "severe"))
    ]
    (al1,) = message(of_allergies(allergy(reaction=reactions)), "allergies").all("AL1")
    assert al1.raw(4) == "SV"


def test_reactions_that_have_no_room_are_told_in_full_beside_it_and_never_cut():
    long = "Anaphylactic shock & collapse"
    manifestations = [bundles.concept("247472004", "Weal"), bundles.concept("39579001", text=long)]
    found = message(of_allergies(allergy(reaction=[{"manifestation": manifestations}])), "allergies")
    (al1,) = found.all("AL1")
    # Some of it would be taken for all.
    assert al1.raw(5) == ""
    (item,) = [each for each in found.all("OBX") if each.text(3) == "ITEM"]
    assert (item.text(4), item.text(2)) == ("1", "FT")
    assert {"Weal", long} <= set(item.text(5).split("\n"))


@pytest.mark.parametrize(
    ("onset", "told_as"),
    [
        ("2004", "2004"),
        ("2004-05", "200405"),
        ("2004-05-06", "20040506"),
        ("1900-01-01", ""),
        ("long ago", ""),
    ],
)
def test_an_onset_is_as_precise_as_it_was_sent(onset: str, told_as: str):
    found = message(of_allergies(allergy(onsetDateTime=onset)), "allergies")
    (al1,) = found.all("AL1")
    assert al1.raw(6) == told_as
    assert "Onset: " in words(found, "ITEM")[0]


def test_a_field_over_its_length_withholds_the_message_and_names_the_field():
    found = told(of_allergies(allergy(code={"text": "x" * 250})), "allergies")
    assert found == Withheld(
        "allergies.rendered.hl7v2.v1", "field_too_long", "AL1-3 is longer than 250 characters"
    )


def test_a_character_that_the_receiver_cannot_read_withholds_the_message_and_names_the_field():
    options = Hl7v2Options(charset=LATIN_1)
    record = of_allergies(allergy(code={"text": "Crème 5 \u2013 10 %"}))
    assert told(record, "allergies", options) == Withheld(
        "allergies.rendered.hl7v2.v1", "not_expressible", "OBX-5 has a character that 8859/1 has not"
    )
    found = message(of_allergies(allergy(code={"text": "Crème"})), "allergies", options)
    assert (found.header.charset, allergens(found)) == (LATIN_1, [("", "Crème", "")])


@pytest.mark.parametrize("asked", [{"nhs_number": None}, {"birth_date": date(1950, 2, 1)}])
@pytest.mark.duty("CS-048")
def test_of_a_patient_who_must_be_looked_at_first_nothing_is_sent(asked: dict[str, Any]):
    record = mapped(whole_record.whole_record(), areas={"allergies": {}, "medications": {}}, **asked)
    assert record["demographics"]["verdict"] == "review"
    made = rendered(record, "hl7v2", RenderingOptions())
    assert len(made) >= 2
    assert {type(each) for each in made} == {Withheld}
    assert {each.reason for each in made if isinstance(each, Withheld)} == {"patient_in_review"}


# Medications


def test_medications_are_words_and_never_orders():
    found = message(mapped(bundles.typical_record()), "medications")
    assert [each.name for each in found.segments] == ["MSH", "PID", "OBR", "OBX", "OBX"]
    obr = found.first("OBR")
    assert obr is not None
    assert (kind(found), obr.text(4, 2), obr.text(25)) == (
        "ORU^R01",
        "Medications of the GP record: no orders",
        "F",
    )
    (said,) = words(found, "ITEM")
    lines = said.split("\n")
    assert lines[0] == "Amoxicillin 250mg capsules (current)"
    assert {"Dosage: Take one three times a day", "Quantity: 21 capsule", "Prescription: repeat"} <= set(
        lines
    )
    assert "Issue: 05-Feb-2026; supply ends 12-Feb-2026; completed; 21 capsule; 7 day" in said


def test_medications_that_are_not_whole_say_so_where_a_machine_and_a_person_look():
    medicines = bundles.record_list(
        bundles.MEDICATIONS_LIST, "MedicationStatement/s1", warnings=("data-in-transit",)
    )
    record = mapped(bundles.record(medicines, bundles.medication(), bundles.statement(), bundles.plan()))
    found = message(record, "medications")
    obr = found.first("OBR")
    assert obr is not None
    assert obr.text(25) == "A"
    assert "Do not take this for the whole." in "".join(words(found, "AREA"))

    narrowed = mapped(bundles.typical_record(), areas={"medications": {"search_from": "2025-01-01"}})
    obr = message(narrowed, "medications").first("OBR")
    assert obr is not None
    assert obr.text(25) == "A"


# Immunisations


def immunisation(local_id: str = "i1", **overrides: Any) -> Resource:
    base = next(each for each in whole_record.immunisations() if each["resourceType"] == "Immunization")
    return bundles.built(base, {"id": local_id, "identifier": bundles.identifier(local_id), **overrides})


def of_immunisations(*sent: Resource, warnings: tuple[str, ...] = ()) -> Message:
    targets = [f"Immunization/{each['id']}" for each in sent]
    record = mapped(
        bundles.record(bundles.record_list(VACCINATIONS, *targets, warnings=warnings), *sent),
        areas={"immunisations": {}},
    )
    return message(record, "immunisations")


def test_what_was_given_is_an_update_of_vaccinations():
    found = of_immunisations(immunisation())
    assert [each.name for each in found.segments] == ["MSH", "PID", "RXA", "OBX", "OBX"]
    (rxa,) = found.all("RXA")
    assert kind(found) == "VXU^V04"
    assert [rxa.raw(number) for number in (1, 2, 3, 4, 5, 6, 15, 20)] == [
        "0",
        "999",
        "20251001",
        "20251001",
        "822851000000102^Seasonal influenza vaccination^SCT",
        "999",
        "A1",
        "CP",
    ]


def test_product_dose_route_and_site_are_told_where_they_were_sent():
    found = of_immunisations(
        immunisation(
            vaccineCode=bundles.concept("39114911000001105", "Vaccine"),
            doseQuantity={"value": 0.5, "unit": "ml"},
            route=bundles.concept("78421000", "Intramuscular"),
            site=bundles.concept("368208006", "Left upper arm"),
            lotNumber="L" * 21,
        )
    )
    (rxa,), (rxr,) = found.all("RXA"), found.all("RXR")
    assert rxa.raw(5) == "822851000000102^Seasonal influenza vaccination^SCT^39114911000001105^Vaccine^SCT"
    assert (rxa.text(6), rxa.raw(7)) == ("0.5", "^ml")
    assert (rxr.raw(1), rxr.raw(2)) == ("78421000^Intramuscular^SCT", "368208006^Left upper arm^SCT")
    # It has no room in its field, and is not cut.
    assert rxa.raw(15) == ""
    assert f"Batch: {'L' * 21}" in words(found, "ITEM")[0]


@pytest.mark.duty("CS-096", "CS-098")
def test_what_was_not_given_never_looks_given():
    found = of_immunisations(immunisation(), immunisation("i2", notGiven=True))
    assert len(found.all("RXA")) == 1
    alone = of_immunisations(immunisation("i2", notGiven=True))
    assert (kind(alone), alone.all("RXA")) == ("ORU^R01", [])
    assert words(alone, "ITEM")[0].startswith("Seasonal influenza vaccination (not given)")


@pytest.mark.parametrize(
    "spoilt", [{"date": None}, {"date": "last winter"}, {"notGiven": None}, {"notGiven": "perhaps"}]
)
def test_where_it_cannot_be_told_whether_or_when_the_area_is_a_report(spoilt: Resource):
    found = of_immunisations(immunisation(), immunisation("i2", **spoilt))
    assert (kind(found), found.all("RXA"), len(words(found, "ITEM"))) == ("ORU^R01", [], 2)


@pytest.mark.parametrize("status", ["stopped", "on-hold", "in-progress", "not-done", None])
def test_one_that_was_given_and_not_completed_makes_the_area_a_report(status: str | None):
    found = of_immunisations(immunisation(), immunisation("i2", status=status))
    assert (kind(found), found.all("RXA"), len(words(found, "ITEM"))) == ("ORU^R01", [], 2)
    of_none = of_immunisations(immunisation(), immunisation("i2", status=status, notGiven=True))
    assert (kind(of_none), len(of_none.all("RXA"))) == ("VXU^V04", 1)


def test_immunisations_that_are_not_whole_are_a_report():
    found = of_immunisations(immunisation(), warnings=("data-in-transit",))
    assert (kind(found), found.all("RXA"), len(words(found, "ITEM"))) == ("ORU^R01", [], 1)


# Of every message


def test_the_patient_is_known_by_number_alone_and_the_practice_renames_nobody():
    made = rendered(mapped(bundles.typical_record()), "hl7v2", RenderingOptions())
    for each in made:
        assert isinstance(each, Rendered)
        pid = er7(each).first("PID")
        assert pid is not None
        assert (pid.raw(3), pid.raw(5)) == ("9990000018^^^NHS^NH", "^^^^^^U")
        assert [pid.raw(number) for number in (7, 8, 11)] == ["", "", ""]
        assert b"Sample" not in each.body


def test_the_head_is_what_the_site_agreed_with_its_receiver():
    options = Hl7v2Options(("GPC^1.2.3^ISO", "RZZ01"), ("EPR", "RZZ"), "T")
    found = message(of_allergies(allergy()), "allergies", options)
    msh = found.first("MSH")
    assert msh is not None
    assert [msh.raw(number) for number in (3, 4, 5, 6)] == ["GPC^1.2.3^ISO", "RZZ01", "EPR", "RZZ"]
    assert (found.header.processing_id, found.header.version) == ("T", "2.4")
    evn = found.first("EVN")
    assert evn is not None
    assert (evn.raw(2), evn.raw(6)) == (found.header.at, "20261122090000+0000")


def test_the_same_answer_has_the_same_control_id_and_each_topic_its_own():
    record = mapped(bundles.typical_record())
    first, again = (rendered(record, "hl7v2", RenderingOptions()) for _ in range(2))
    ids = [er7(each).header.control_id for each in first if isinstance(each, Rendered)]
    assert ids == [er7(each).header.control_id for each in again if isinstance(each, Rendered)]
    assert ids == [control_id(each.id) for each in first if isinstance(each, Rendered)]
    assert len(set(ids)) == len(ids) >= 2
    assert {len(each) for each in ids} == {20}


def test_an_area_that_was_not_asked_for_has_no_message():
    medicines = bundles.record_list(bundles.MEDICATIONS_LIST, "MedicationStatement/s1")
    sent = bundles.record(medicines, bundles.medication(), bundles.statement(), bundles.plan())
    record = mapped(sent, areas={"medications": {}})
    topics = [each.topic for each in render(whole_answer(record), RenderingOptions())]
    assert topics == ["medications.rendered.hl7v2.v1"]
    assert set(HL7V2.topics) > set(topics)


AWKWARD = "|^~\\&-'\u2013EFSTRX.br\r\n\x0b\x1c\" 0é"


@cache
def texts() -> list[tuple[str, dict[str, Any], Leaf]]:
    """Every text of the events of the three areas, whole so that they are told in full."""
    found = []
    for read in sorted(HL7V2.reads):
        data, leaves = example(read)
        data["retrieved_at"], data["demographics"]["verdict"] = "2026-11-22T09:00:00Z", "accept"
        data["area"]["complete"] = True
        del data["area"]["search_from"], data["area"]["limited_to"]
        found += [
            (read, data, leaf)
            for leaf in leaves
            if leaf.others
            and str(leaf.others[0]).startswith("not the ")
            and leaf.path[-1] not in ("search_from", "retrieved_at")
        ]
    return found


@settings(deadline=None)
@given(st.integers(0, 10_000), st.text(st.sampled_from(AWKWARD), min_size=1, max_size=12))
def test_no_text_of_any_field_breaks_a_message_or_is_changed_in_it(number: int, text: str):
    event, data, leaf = texts()[number % len(texts())]
    with replaced(data, leaf, "plain"):
        plain = rendered_as(event, data)
    with replaced(data, leaf, text):
        awkward = rendered_as(event, data)
    if isinstance(awkward, Withheld):
        assert awkward.reason == "field_too_long"
        return
    assert isinstance(plain, Message)
    assert [each.name for each in awkward.segments] == [each.name for each in plain.segments]
    for before, after in zip(plain.segments, awkward.segments, strict=True):
        for field in range(2, 30):
            sent = before.text(field, 1), before.text(field, 2)
            got = after.text(field, 1), after.text(field, 2)
            if "plain" in "".join(sent):
                # Line breaks of every kind come back as one kind.
                assert tuple(re.sub("\r\n?", "\n", each.replace("plain", text)) for each in sent) == got


@contextmanager
def replaced(data: dict[str, Any], leaf: Leaf, text: str) -> Iterator[None]:
    *way, last = leaf.path
    place: Any = data
    for step in way:
        place = place[step]
    sent, place[last] = place[last], text
    try:
        yield
    finally:
        place[last] = sent


def rendered_as(kind: str, data: dict[str, Any]) -> Message | Withheld:
    event = OutgoingEvent(EventStyle("uk.nhs.example", "/b"), kind, data, "r", "s", "snapshot/s", {})
    (made,) = render(WholeAnswer([event]), RenderingOptions())
    return er7(made) if isinstance(made, Rendered) else made


def test_readers_of_other_makes_read_the_same_list():
    sent = [
        allergy(f"a{number}", code={"text": name})
        for number, name in enumerate(["Peni & cillin", "Take 1\\2 | ^ ~", "Nuts \u2013 all"])
    ]
    made = rendered(of_allergies(*sent), "hl7v2", RenderingOptions())
    found = next(each for each in made if isinstance(each, Rendered))
    raw = b64decode(orjson.loads(found.body)["data_base64"]).decode()
    names = [name for _, name, _ in allergens(er7(found))]
    assert sorted(names) == sorted(each["code"]["text"] for each in sent)
    second = hl7.parse(raw)
    assert [second.unescape(str(each(3)(1)(2))) for each in second.segments("AL1")] == names
    third = decode_er7(raw, ADT_A05).model_dump()
    assert [each["al1_3"]["ce_2"] for each in third["AL1"]] == names


@pytest.mark.parametrize(
    ("area", "structure"), [("allergies", ADT_A05), ("medications", ORU_R01), ("immunisations", VXU_V04)]
)
def test_messages_have_the_structure_that_the_standard_gives_them(area: str, structure: Any):
    record = mapped(whole_record.whole_record())
    topic = f"{area}.rendered.hl7v2.v1"
    (made,) = [each for each in rendered(record, "hl7v2", RenderingOptions()) if each.topic == topic]
    assert isinstance(made, Rendered)
    raw = b64decode(orjson.loads(made.body)["data_base64"]).decode()
    assert encode_er7(decode_er7(raw, structure, strict=True)).rstrip("\r") == raw.rstrip("\r")
