"""Whose record it is."""

from datetime import date
from typing import Any

import orjson
import pytest

from bridge.areas import map_record
from bridge.mapping import Asked, Source
from tests.support import bundles as b
from tests.support.mapped import SOURCE, issue_codes, mapped
from tests.support.whole_record import encounter, structure

RIGHT: dict[str, Any] = {
    "birth_date": date(1950, 1, 31),
    "family_name": "SAMPLE",
    "given_name": "Ada",
    "gender": "female",
    "practice_ods": b.ODS,
}


@pytest.mark.duty("CS-048", "CS-050", "CS-051", "SP-107", "JO-014", "JO-015")
def test_all_details_match() -> None:
    check: Any = mapped(b.typical_record(), **RIGHT)["demographics"]
    assert check == {
        "nhs_number": "match",
        "birth_date": "match",
        "family_name": "match",
        "given_name": "match",
        "gender": "match",
        "practice_ods": "match",
        "differences": [],
        "verdict": "accept",
    }


@pytest.mark.duty("CS-048", "CS-049", "CS-050", "JO-013", "JO-014", "JO-015")
@pytest.mark.parametrize(
    ("field", "asked", "shown", "returned"),
    [
        ("birth_date", date(1950, 2, 1), "1950-02-01", "1950-01-31"),
        ("family_name", "Simple", "Simple", "Sample"),
        ("given_name", "Eda", "Eda", "Ada May"),
        ("gender", "male", "male", "female"),
        ("practice_ods", "B11111", "B11111", b.ODS),
    ],
)
def test_a_difference_is_shown_with_both_values_and_wants_review(
    field: str, asked: Any, shown: str, returned: str
) -> None:
    check = mapped(b.typical_record(), **{**RIGHT, field: asked})["demographics"]
    assert check["differences"] == [{"field": field, "asked": shown, "returned": returned}]
    assert check["verdict"] == "review"


@pytest.mark.parametrize("name", ["sample", "SAMPLE", "Sämple", "Sam-ple", " Sam ple"])
def test_names_are_compared_without_case_accents_and_punctuation(name: str) -> None:
    assert mapped(b.typical_record(), family_name=name)["demographics"]["verdict"] == "accept"


def test_a_detail_that_was_not_sent_cannot_confirm() -> None:
    record = b.record()
    record["entry"][0]["resource"] = b.patient(birthDate=None)
    check = mapped(record, birth_date=date(1950, 1, 31))["demographics"]
    assert (check["birth_date"], check["verdict"]) == ("absent", "review")


@pytest.mark.duty("CS-051")
def test_another_patients_record_is_rejected_and_nothing_of_it_is_taken() -> None:
    record = mapped(b.typical_record(), nhs_number=b.OTHER_NHS_NUMBER, family_name="Sample")
    assert record["demographics"]["verdict"] == "reject"
    assert record["demographics"]["nhs_number"] == "mismatch"
    assert record["medications"] == []
    assert record["allergies"] == []
    assert "nhs_number" not in record
    written = orjson.dumps(record).decode()
    assert b.NHS_NUMBER not in written
    assert "penicillin" not in written


@pytest.mark.duty("CS-051")
def test_a_bundle_without_a_patient_is_mapped_and_rejected() -> None:
    record = mapped(b.bundle(b.statement(), b.plan(), b.medication()))
    assert record["demographics"]["verdict"] == "reject"
    assert record["demographics"]["nhs_number"] == "absent"
    assert "nhs_number" not in record
    assert len(record["medications"]) == 1


def test_nobody_asked_so_a_person_has_to_look() -> None:
    record = map_record(b.typical_record(), asked=Asked(), source=SOURCE)
    assert record["demographics"]["nhs_number"] == "not_checked"
    assert record["demographics"]["verdict"] == "review"
    assert record["nhs_number"] == b.NHS_NUMBER


@pytest.mark.duty("CS-051")
@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/p2"},
        {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": b.OTHER_NHS_NUMBER}},
    ],
)
def test_an_item_of_another_patient_is_set_aside_without_its_words(subject: dict[str, Any]) -> None:
    record = mapped(
        b.record(
            b.patient("p2", b.OTHER_NHS_NUMBER),
            b.allergy(patient=subject),
            b.statement(subject=subject),
            b.medication(),
            b.allergy("a2"),
        )
    )
    assert [each["item_id"] for each in record["allergies"]] == [f"{b.DATA}|ai-a2"]
    assert record["medications"] == []
    aside = {each["source_ref"]: each for each in record["unmapped"]}
    assert aside["AllergyIntolerance/a1"]["reason"] == "wrong_patient"
    assert aside["MedicationStatement/s1"]["reason"] == "wrong_patient"
    assert aside["Patient/p2"]["reason"] == "wrong_patient"
    assert all("display" not in each for each in record["unmapped"])


SECRET = "Of somebody else"
THEIRS = {"subject": b.reference("Patient/p2")}


def theirs(kind: str, local_id: str, **more: Any) -> b.Resource:
    """A resource of another patient whose every word says so."""
    return {"resourceType": kind, "id": local_id, "code": {"text": SECRET}, **THEIRS, **more}


def their_observation(**more: Any) -> b.Resource:
    return theirs("Observation", "o9", status="final", comment=SECRET, **more)


def their_list(**more: Any) -> b.Resource:
    return structure("t9", "24781000000107", "Observation/o1", title=SECRET, **{**THEIRS, **more})


@pytest.mark.duty("CS-051")
@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(
            [
                theirs("DiagnosticReport", "r9", status="final", result=[b.reference("Observation/o9")]),
                their_observation(),
                theirs("Specimen", "s9", type={"text": SECRET}),
                theirs("ProcedureRequest", "p9", intent="order", status="active"),
            ],
            id="what belongs to their report",
        ),
        pytest.param([their_observation(), their_observation()], id="a copy"),
        pytest.param(
            [
                their_observation(),
                theirs("QuestionnaireResponse", "q9", parent=[b.reference("Observation/o9")]),
            ],
            id="answers",
        ),
        pytest.param([theirs("QuestionnaireResponse", "q9")], id="answers to nothing"),
        pytest.param([theirs("Procedure", "x9")], id="an unknown type"),
        pytest.param(
            [
                encounter(),
                structure(
                    "t1",
                    "25851000000105",
                    "#t9",
                    "Observation/o9",
                    contained=[their_list()],
                ),
                their_observation(),
            ],
            id="in a consultation of this patient",
        ),
        pytest.param([encounter(), their_list()], id="a part of a consultation of this patient"),
    ],
)
@pytest.mark.parametrize("asked", [None, {"consultations": {}}, {"observations": {}, "investigations": {}}])
def test_no_word_of_another_patient_is_told_whoever_sets_it_aside(sent: list[b.Resource], asked: Any) -> None:
    record = mapped(b.record(b.patient("p2", b.OTHER_NHS_NUMBER), *sent), areas=asked)
    assert SECRET.encode() not in orjson.dumps(record)
    received = len(sent) + len(b.people()) + 1
    assert record["accounting"]["received"] == received
    assert all(each["reason"] == "wrong_patient" for each in record["unmapped"])


def test_a_subject_that_was_not_sent_is_an_issue_and_no_more() -> None:
    record = mapped(b.record(b.allergy(patient=b.reference("Patient/nowhere"))))
    assert len(record["allergies"]) == 1
    assert "subject_unresolved" in issue_codes(record)


def test_the_practice_comes_from_the_call_else_from_the_bundle() -> None:
    record = mapped(b.typical_record())
    assert (record["holder_ods"], record["holder_name"]) == (b.ODS, "Test Surgery")
    assert record["allergies"][0]["provenance"]["holder_ods"] == b.ODS
    registered = b.bundle(
        b.patient(managingOrganization=None, generalPractitioner=[b.reference("Organization/org1")]),
        b.organisation(),
    )
    assert mapped(registered)["holder_ods"] == b.ODS
    assert "holder_ods" not in mapped(b.bundle(b.patient()))


def answered_by(
    *organisations: b.Resource, called: str | None, **patient: Any
) -> tuple[str | None, str | None]:
    """Code and name of the holder, of a record that came from the practice `called`."""
    source = Source(
        request_id="r", retrieved_at="2026-11-22T09:00:00Z", body_sha256="0" * 64, holder_ods=called
    )
    bundle = b.bundle(b.patient(**patient), *organisations)
    record = map_record(bundle, asked=Asked(nhs_number=b.NHS_NUMBER), source=source)
    return record.get("holder_ods"), record.get("holder_name")


REGISTERED = {"generalPractitioner": [b.reference("Organization/org2")]}


@pytest.mark.parametrize(
    ("organisations", "called", "holder"),
    [
        # the name is that of the practice that was called, wherever the patient names it
        ([b.organisation(), b.organisation("org2", "B22222", "Other")], b.ODS, (b.ODS, "Test Surgery")),
        ([b.organisation(), b.organisation("org2", "B22222", "Other")], "B22222", ("B22222", "Other")),
        ([b.organisation(), b.organisation("org2", "B22222", "Other")], "C33333", ("C33333", None)),
        # nobody was called: code and name are of one organisation of the answer
        ([b.organisation(), b.organisation("org2", "B22222", "Other")], None, (b.ODS, "Test Surgery")),
        ([b.organisation() | {"name": None}, b.organisation("org2", "B22222", "Other")], None, (b.ODS, None)),
        (
            [b.organisation() | {"identifier": []}, b.organisation("org2", "B22222", "Other")],
            None,
            ("B22222", "Other"),
        ),
        (
            [b.organisation() | {"identifier": []}, b.organisation("org2", "B22222") | {"name": None}],
            None,
            ("B22222", None),
        ),
        # one without a code contradicts nothing
        ([b.organisation() | {"identifier": []}], b.ODS, (b.ODS, "Test Surgery")),
        ([b.organisation() | {"identifier": []}], None, (None, "Test Surgery")),
    ],
)
def test_code_and_name_of_the_holder_are_of_one_organisation(
    organisations: list[b.Resource], called: str | None, holder: tuple[str | None, str | None]
) -> None:
    assert answered_by(*organisations, called=called, **REGISTERED) == holder


def test_of_two_organisations_under_one_id_the_one_that_was_called_gives_the_name() -> None:
    for ods, name in ((b.ODS, "Test Surgery"), ("B22222", "Other")):
        organisations = (b.organisation(), b.organisation(ods="B22222", name="Other"))
        assert answered_by(*organisations, called=ods) == (ods, name)


def test_a_superseded_number_stays_visible() -> None:
    record = mapped(b.typical_record(), superseded_nhs_number=b.OTHER_NHS_NUMBER)
    assert record["superseded_nhs_number"] == b.OTHER_NHS_NUMBER


BLANKS = [
    "999 000 0018",
    "999\u00a0000\u00a00018",
    "999-000-0018",
    "\u200b9990000018\u200b",
    "999\u2011000\u20110018",
]


@pytest.mark.duty("CS-051")
@pytest.mark.parametrize("written", BLANKS)
def test_blanks_and_hyphens_in_a_number_make_nobody_another_patient(written: str) -> None:
    subject = {
        **b.reference("Patient/p1"),
        "identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": written},
    }
    bundle = b.record(b.allergy(patient=subject), b.medication(), b.statement(subject=subject))
    bundle["entry"][0]["resource"] = b.patient(nhs_number=written)
    record = mapped(bundle)
    assert record["demographics"]["verdict"] == "accept"
    assert record["nhs_number"] == b.NHS_NUMBER
    assert (len(record["allergies"]), len(record["medications"])) == (1, 1)
    assert all(each["reason"] != "wrong_patient" for each in record["unmapped"])


def numbers(*uses: tuple[str, str | None]) -> list[dict[str, Any]]:
    return [
        {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number} | ({"use": use} if use else {})
        for number, use in uses
    ]


@pytest.mark.duty("CS-051")
def test_an_old_number_never_decides() -> None:
    bundle = b.typical_record()
    bundle["entry"][0]["resource"] = b.patient(
        identifier=numbers((b.OTHER_NHS_NUMBER, "old"), (b.NHS_NUMBER, "official"))
    )
    assert mapped(bundle)["demographics"]["verdict"] == "accept"
    assert mapped(bundle, nhs_number=b.OTHER_NHS_NUMBER)["demographics"]["verdict"] == "reject"
    bundle["entry"][0]["resource"] = b.patient(identifier=numbers((b.NHS_NUMBER, "old")))
    assert mapped(bundle)["demographics"]["nhs_number"] == "absent"
    old = b.allergy(
        patient={**b.reference("Patient/p1"), "identifier": numbers((b.OTHER_NHS_NUMBER, "old"))[0]}
    )
    assert len(mapped(b.record(old))["allergies"]) == 1


def test_two_numbers_in_force_want_review() -> None:
    bundle = b.typical_record()
    bundle["entry"][0]["resource"] = b.patient(
        identifier=numbers((b.OTHER_NHS_NUMBER, None), (b.NHS_NUMBER, "usual"))
    )
    record = mapped(bundle)
    assert (record["nhs_number"], record["demographics"]["verdict"]) == (b.NHS_NUMBER, "review")
    assert "patient_conflict" in issue_codes(record)


@pytest.mark.duty("CS-048", "CS-051")
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("copy_id", ["p1", "p2"])
@pytest.mark.parametrize(
    "differing",
    [{"birthDate": "1951-01-31"}, {"gender": None}, {"deceasedBoolean": True}, {"address": [{"city": "X"}]}],
)
def test_copies_of_the_patient_that_differ_in_any_detail_want_review(
    differing: dict[str, Any], copy_id: str, order: int
) -> None:
    bundle = b.typical_record()
    bundle["entry"] = [*bundle["entry"], {"resource": b.patient(copy_id, **differing)}][::order]
    record = mapped(bundle)
    assert record["demographics"]["verdict"] == "review"
    (conflict,) = [each for each in record["issues"] if each["code"] == "patient_conflict"]
    assert (conflict["path"], conflict["severity"]) == (next(iter(differing)), "error")


@pytest.mark.parametrize("asked", [date(1950, 1, 31), date(1951, 1, 31)])
def test_a_detail_that_one_copy_contradicts_is_a_mismatch(asked: date) -> None:
    bundle = b.typical_record()
    bundle["entry"].append({"resource": b.patient(birthDate="1951-01-31")})
    check = mapped(bundle, birth_date=asked)["demographics"]
    other = {"1950-01-31", "1951-01-31"} - {asked.isoformat()}
    assert check["birth_date"] == "mismatch"
    assert {each["returned"] for each in check["differences"]} == other


def test_the_same_patient_sent_twice_is_no_contradiction() -> None:
    bundle = b.typical_record()
    bundle["entry"] += [{"resource": b.patient(meta={"versionId": "2"})}, {"resource": b.patient("p2")}]
    record = mapped(bundle)
    assert record["demographics"]["verdict"] == "accept"
    assert "patient_conflict" not in issue_codes(record)


def test_a_practice_of_two_names_under_one_id_wants_review() -> None:
    bundle = b.typical_record()
    bundle["entry"].append({"resource": b.organisation(ods="B11111")})
    record = mapped(bundle)
    assert record["demographics"]["verdict"] == "review"
    assert "patient_conflict" in issue_codes(record)
