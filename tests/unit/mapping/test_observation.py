"""One Observation, of whatever area: every value, words whole, and nothing that makes it raise."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.fhir.parsing import parse
from tests.support import bundles as b
from tests.support.mapped import mapped
from tests.support.whole_record import observation

LIST = "826501000000100"
WANTED: dict[str, Any] = {"observations": {}}
UCUM = "http://unitsofmeasure.org"
APPROXIMATE = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-ValueApproximation-1"


def bundle_of(*sent):
    return b.record(b.record_list(LIST, *(f"Observation/{each['id']}" for each in sent)), *sent)


def one(**overrides) -> Any:
    (found,) = mapped(bundle_of(observation("o1", **overrides)), areas=WANTED)["observations"]
    return found


def term(text):
    return {"text": text}


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (
            {
                "valueQuantity": {
                    "value": 71.5,
                    "comparator": "<",
                    "unit": "kg",
                    "system": UCUM,
                    "code": "kg",
                }
            },
            {
                "kind": "quantity",
                "value": 71.5,
                "comparator": "<",
                "unit": "kg",
                "code": "kg",
                "code_system": UCUM,
            },
        ),
        ({"valueQuantity": {"value": 7}}, {"kind": "quantity", "value": 7}),
        ({"valueString": " two\r\n  lines "}, {"kind": "text", "value": " two\r\n  lines "}),
        ({"valueBoolean": False}, {"kind": "boolean", "value": False}),
        ({"valueTime": "10:15:00"}, {"kind": "time", "value": "10:15:00"}),
        (
            {"valueDateTime": "2021-03"},
            {"kind": "date_time", "value": {"value": "2021-03", "precision": "month"}},
        ),
        (
            {"valuePeriod": {"start": "2020", "end": "2021-02-03"}},
            {
                "kind": "period",
                "start": {"value": "2020", "precision": "year"},
                "end": {"value": "2021-02-03", "precision": "day"},
            },
        ),
        ({"valuePeriod": {"end": "2021"}}, {"kind": "period", "end": {"value": "2021", "precision": "year"}}),
        (
            {"valueRange": {"low": {"value": 1, "unit": "g"}, "high": {"value": 2, "unit": "g"}}},
            {"kind": "range", "low": {"value": 1, "unit": "g"}, "high": {"value": 2, "unit": "g"}},
        ),
        ({"valueRange": {"high": {"value": 2}}}, {"kind": "range", "high": {"value": 2}}),
        (
            {"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}},
            {"kind": "ratio", "numerator": {"value": 1}, "denominator": {"value": 128}},
        ),
        (
            {"valueSampledData": {"origin": {"value": 2}, "data": "1 2"}},
            {
                "kind": "other",
                "fhir_type": "SampledData",
                "value": {"origin": {"value": 2}, "data": "1 2"},
            },
        ),
        (
            {"valueAttachment": {"title": "ECG"}},
            {"kind": "other", "fhir_type": "Attachment", "value": {"title": "ECG"}},
        ),
    ],
)
def test_every_kind_of_value_is_read(sent, read):
    assert one(**sent)["value"] == read


def test_a_coded_value_is_one_concept_with_its_words():
    found = one(valueCodeableConcept={**b.concept("260385009", "Negative"), "text": "not seen"})["value"]
    assert found["kind"] == "coded"
    assert found["value"]["concept_id"] == "260385009"
    assert found["value"]["original_text"] == "not seen"


def test_without_a_value_there_is_none():
    assert "value" not in one()


@pytest.mark.parametrize("comparator", ["<", "<=", ">=", ">"])
def test_a_comparator_stays_beside_the_number(comparator):
    found = one(valueQuantity={"value": 5, "comparator": comparator})["value"]
    assert (found["comparator"], found["value"]) == (comparator, 5)


@pytest.mark.parametrize("digits", ["1.50", "130.000", "0.10"])
def test_numbers_keep_the_digits_they_were_sent_with(digits):
    body = orjson.dumps(bundle_of(observation("o1", valueQuantity={"value": 12345, "unit": "mmol/L"})))
    sent = parse(body.replace(b"12345", digits.encode())).content
    (found,) = mapped(sent, areas=WANTED)["observations"]
    assert found["value"] == {
        "kind": "quantity",
        "value": float(digits),
        "value_as_sent": digits,
        "unit": "mmol/L",
    }


def test_no_unit_is_made_up():
    assert "unit" not in one(valueQuantity={"value": 23.123})["value"]


@pytest.mark.parametrize(("sent", "read"), [(True, True), ("true", True), (False, None)])
def test_a_number_that_is_about_right_says_so(sent, read):
    quantity = {"value": 5, "extension": [{"url": APPROXIMATE, "valueBoolean": sent}]}
    assert one(valueQuantity=quantity)["value"].get("approximate") is read


def test_of_several_values_one_is_taken_and_the_others_are_told():
    found = one(valueString="five", valueQuantity={"value": 5})
    assert found["value"] == {"kind": "quantity", "value": 5}
    assert "unreadable_element" in found["issue_codes"]


# --- blood pressure ---------------------------------------------------------------------------------

HALVES = [
    {"code": b.concept("72313002", "Systolic"), "valueQuantity": {"value": 120, "unit": "mm[Hg]"}},
    {"code": b.concept("1091811000000102", "Diastolic"), "valueQuantity": {"value": 80, "unit": "mm[Hg]"}},
]


@pytest.mark.duty("CS-100")
@pytest.mark.parametrize(
    ("panel", "systolic", "diastolic"),
    [
        ("163020007", "72313002", "1091811000000102"),
        ("386534000", "271649006", "271650006"),
        ("75367002", "72313002", "271650006"),
        ("163034007", "400974009", "400975005"),
        ("163035008", "407554009", "407555005"),
        ("163033001", "407556006", "407557002"),
        ("163020007", "163030003", "163031004"),
    ],
)
def test_a_blood_pressure_is_one_item_of_two_values(panel, systolic, diastolic):
    halves = [{**HALVES[0], "code": b.concept(systolic)}, {**HALVES[1], "code": b.concept(diastolic)}]
    found = one(code=b.concept(panel), component=halves)
    assert found["blood_pressure"] == "panel"
    assert "value" not in found
    assert [(each["blood_pressure"], each["value"]["value"]) for each in found["components"]] == [
        ("systolic", 120),
        ("diastolic", 80),
    ]


@pytest.mark.duty("CS-100")
def test_half_a_blood_pressure_says_why_the_other_half_is_missing():
    missing = {"code": HALVES[1]["code"], "dataAbsentReason": b.concept("unknown", "Unknown", "http://x")}
    found = one(code=b.concept("75367002"), component=[HALVES[0], missing])["components"]
    assert found[0]["value"]["value"] == 120
    assert "value" not in found[1]
    assert found[1]["absent_reason"]["term"] == "Unknown"


@pytest.mark.duty("CS-100")
@pytest.mark.parametrize(("code", "which"), [("271649006", "systolic"), ("271650006", "diastolic")])
def test_a_single_blood_pressure_is_known_by_its_code(code, which):
    found = one(code=b.concept(code), valueQuantity={"value": 120, "unit": "mm[Hg]"})
    assert found["blood_pressure"] == which
    assert found["components"] == []


def test_what_is_no_blood_pressure_is_not_called_one():
    assert "blood_pressure" not in one(component=[{"code": b.concept("1"), "valueString": "x"}])


def test_a_component_has_its_own_interpretation_and_range():
    (found,) = one(
        component=[
            {
                **HALVES[0],
                "interpretation": term("High"),
                "referenceRange": [{"high": {"value": 140}}],
            }
        ]
    )["components"]
    assert found["interpretation"]["term"] == "High"
    assert found["reference_ranges"] == [{"high": {"value": 140}}]


def test_labelled_words_of_an_inbound_referral_are_components():
    (found,) = one(component=[{"code": term("Referred by"), "valueString": "Ward 5"}])["components"]
    assert (found["code"]["term"], found["value"]["value"]) == ("Referred by", "Ward 5")


# --- what one supplier writes into the comment --------------------------------------------------------

WRITTEN = (
    "Original text: Serum sodium\nValue: 120.0 mm[Hg]\nInterpretation Code: High\n"
    "Reference range: 1.5 - 20.00\nseen  twice "
)


def test_lines_of_a_comment_are_read_and_the_words_stay_whole():
    found = one(comment=WRITTEN)
    assert found["comment"] == WRITTEN
    assert found["value"] == {"kind": "quantity", "value": 120.0, "unit": "mm[Hg]", "read_from": "comment"}
    assert found["interpretation"]["term"] == "High"
    assert found["interpretation"]["term_from"] == "note"
    assert found["interpretation"]["coding_quality"] == "text_only"
    assert found["reference_ranges"] == [
        {
            "text": "1.5 - 20.00",
            "read_from": "comment",
            "low": {"value": 1.5},
            "high": {"value": 20.0, "value_as_sent": "20.00"},
        }
    ]


@pytest.mark.parametrize(
    ("words", "read"),
    [
        ("Value: 7", {"value": 7}),
        ("Value: 007.5 kg", {"value": 7.5, "value_as_sent": "007.5", "unit": "kg"}),
        ("Value: < 0.10 g/L", {"comparator": "<", "value": 0.1, "value_as_sent": "0.10", "unit": "g/L"}),
        ("Value: <5.0 Unk UoM", {"comparator": "<", "value": 5.0}),
        ("Value: ~5 kg", {"value": 5, "unit": "kg", "approximate": True}),
        ("Value: -3.5 D", {"value": -3.5, "unit": "D"}),
        ("Value: 12.0 IU/L 37C", {"value": 12.0, "unit": "IU/L 37C"}),
        ("Value: 5.0E7 10*6/mL", {"value": 5e7, "value_as_sent": "5.0E7", "unit": "10*6/mL"}),
    ],
)
def test_a_number_in_a_comment_keeps_what_stands_about_it(words, read):
    assert one(comment=words)["value"] == {"kind": "quantity", "read_from": "comment", **read}


@pytest.mark.parametrize(
    "words",
    [
        "Value: negative",
        "Value: 5 to 7",
        "Value: 5 -7",
        "Value: 5 (estimated)",
        "Value:",
        "Value: 1,5",
        "Value: ٣",
        "Value: 1\nValue: 2",
        "Old Value: 5 kg",
        "value 5",
    ],
)
def test_what_can_mean_more_than_one_thing_is_no_number(words):
    found = one(comment=words)
    assert found["comment"] == words
    assert "value" not in found


def test_what_was_sent_as_a_value_counts_before_words():
    found = one(
        comment=WRITTEN,
        valueQuantity={"value": 5},
        interpretation=term("Low"),
        referenceRange=[{"text": "< 5"}],
    )
    assert found["value"] == {"kind": "quantity", "value": 5}
    assert found["interpretation"]["term"] == "Low"
    assert found["reference_ranges"] == [{"text": "< 5"}]


def test_words_give_no_value_to_one_of_several_components():
    assert "value" not in one(component=HALVES, comment="Value: 5 kg")


@pytest.mark.parametrize("comment", ["No evidence of:\n  family  history ", "?", "x\r\ny\t"])
def test_a_comment_that_may_invert_the_code_is_kept_as_it_is(comment):
    assert one(comment=comment)["comment"] == comment


# --- the rest ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"low": {"value": 1}, "high": {"value": 2}}, {"low": {"value": 1}, "high": {"value": 2}}),
        ({"text": "< 5 \n of men"}, {"text": "< 5 \n of men"}),
        ({"low": 3}, {"low": {"value": 3}}),
        ({"high": "about 4"}, {"high": {"text": "about 4"}}),
        (
            {"age": {"low": {"value": 18, "unit": "a"}}},
            {"age": {"kind": "range", "low": {"value": 18, "unit": "a"}}},
        ),
    ],
)
def test_a_reference_range_is_what_was_sent_of_it(sent, read):
    assert one(referenceRange=[sent])["reference_ranges"] == [read]


def test_whom_a_range_is_for_and_what_it_means_stay_with_it():
    (found,) = one(referenceRange=[{"type": term("normal"), "appliesTo": [term("women")]}])[
        "reference_ranges"
    ]
    assert found["meaning"]["term"] == "normal"
    assert [each["term"] for each in found["applies_to"]] == ["women"]


def test_an_absent_value_says_why():
    assert one(dataAbsentReason=term("not performed"))["absent_reason"]["term"] == "not performed"


def test_members_and_the_whole_are_told_from_other_relations():
    def related(kind, target):
        return {"type": kind, "target": b.reference(f"Observation/{target}")}

    first = observation(
        "o1",
        related=[
            related("has-member", "o2"),
            related("derived-from", "o3"),
            related("sequel-to", "o4"),
            {"target": b.reference("Observation/o5")},
            {"type": "has-member"},
        ],
    )
    record = mapped(bundle_of(first, observation("o2")), areas=WANTED)
    found: Any = next(each for each in record["observations"] if "related" in each)
    assert [(each["source_ref"], each["in_record"]) for each in found["members"]] == [
        ("Observation/o2", True)
    ]
    assert len(found["part_of"]) == 1
    assert [each["relation"] for each in found["related"]] == ["sequel-to", "unknown"]


@pytest.mark.parametrize(
    ("status", "is_told"),
    [("final", False), ("preliminary", False), ("unknown", False), ("entered-in-error", True), ("x", True)],
)
def test_a_state_that_is_no_finding_is_told(status, is_told):
    found = one(status=status)
    assert found["status"] == status
    assert ("unknown_status" in found["issue_codes"]) is is_told


def test_the_clinical_date_is_not_when_it_was_entered():
    found = one(effectiveDateTime="2001", issued="2026-02-03T10:15:00+00:00")
    assert found["effective"] == {"value": "2001", "precision": "year"}
    assert found["recorded_at"]["value"] == "2026-02-03T10:15:00+00:00"
    assert "effective" not in one(effectiveDateTime=None)


def test_a_period_has_both_its_ends():
    found = one(effectiveDateTime=None, effectivePeriod={"start": "2020-01", "end": "2020-02-03"})
    assert (found["effective"]["value"], found["effective_to"]["value"]) == ("2020-01", "2020-02-03")


def test_site_method_category_and_specimen_are_kept():
    found = one(
        bodySite=term("left arm"),
        method=term("cuff"),
        category=term("vital signs"),
        specimen=b.reference("Specimen/s1"),
    )
    assert found["body_site"]["term"] == "left arm"
    assert found["method"]["term"] == "cuff"
    assert [each["term"] for each in found["categories"]] == ["vital signs"]
    assert found["specimen"]["kind"] == "investigation"


ELEMENTS = [
    "code", "context", "effectiveDateTime", "effectivePeriod", "issued", "performer", "interpretation",
    "comment", "bodySite", "referenceRange", "related", "component", "dataAbsentReason", "method", "category",
    "specimen", "status", "identifier", "extension", "modifierExtension", "meta", "valueQuantity", "valueRange",
    "valueCodeableConcept", "valueString", "valueBoolean", "valuePeriod", "valueRatio", "valueSampledData",
    "valueDateTime", "valueTime", "value",
]  # fmt: skip
KEYS = st.sampled_from(
    ["value", "code", "text", "low", "start", "type", "target", "reference", "coding", "x"]
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(damage=st.dictionaries(st.sampled_from(ELEMENTS), ANYTHING, min_size=1, max_size=3))
def test_whatever_an_element_holds_the_observation_is_read(damage):
    record = mapped(bundle_of({**observation("o1"), **damage}, observation("o2")), areas=WANTED)
    assert {each["provenance"]["source_ref"] for each in record["observations"]} == {
        "Observation/o1",
        "Observation/o2",
    }
    assert "malformed" not in {each["reason"] for each in record["unmapped"]}


WORDS = ["Value:", "Reference range:", "Interpretation Code:", "<", "~", " ", "\n", "1", ".0", "- 2", "kg"]


@given(words=st.lists(st.sampled_from(WORDS) | st.text(max_size=4)).map("".join))
def test_whatever_a_comment_says_its_words_stay_whole(words):
    found = one(comment=words)
    assert found.get("comment") == (words if words.strip() else None)
