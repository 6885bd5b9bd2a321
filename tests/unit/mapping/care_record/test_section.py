"""An answer becomes a section: about whom, in which parts, and what each may be taken to say."""

from dataclasses import replace
from datetime import date

import pytest

from bridge.mapping import Source
from bridge.mapping.care_record import SectionAsked, map_section
from tests.support import care_records as c
from tests.support.care_records import answer, mapped, shown, table

ABSENCES = {
    "nothing_recorded": "No 'Encounters' data is recorded for this patient.",
    "retrieval_not_supported": "This system does not support retrieval of 'Encounters' data.",
    "access_denied": "Access is denied to 'Encounters' data for this patient.",
    "not_stored": "'Encounters' data is not supported by this system.",
}
MAY_EXIST = "This data may still exist in the source system."
TRANSFER = (
    "Patient record transfer from previous GP practice not yet complete; "
    "information recorded before 14-Oct-2025 may be missing"
)
EXCLUSION = "Items excluded due to confidentiality and/or patient preferences"


def banner(kind, text):
    return f'<div class="{kind}-banner"><p>{text}</p></div>'


def only_part(section):
    (part,) = section["subsections"]
    return part


def issue_codes(section):
    return {issue["code"] for issue in section["issues"]}


@pytest.mark.duty("HT-012", "HT-022")
def test_a_section_with_one_table():
    html = (
        '<div xmlns="http://www.w3.org/1999/xhtml"><h1>Encounters</h1>'
        + banner("content", "Telephone calls are not included")
        + banner("date", "For the period '01-Oct-2016' to '31-Oct-2016'")
        + table("02-Oct-2016|Surgery|Cough &amp; cold<br/>Well", "31 Oct 2016|Home visit|")
        + "</div>"
    )
    section = shown(html, start=date(2016, 10, 1), end=date(2016, 10, 31))
    assert section["title"] == "Encounters"
    assert section["state"] == "content"
    assert not section["may_say_none"]
    assert section["banners"] == [
        {"kind": "content", "text": "Telephone calls are not included"},
        {"kind": "date", "text": "For the period '01-Oct-2016' to '31-Oct-2016'"},
    ]
    assert only_part(section)["tables"] == [
        {
            "table_id": "enc-tab",
            "columns": ["Date", "Title", "Details"],
            "groups": [],
            "rows": [
                {"cells": {"Date": "02-Oct-2016", "Title": "Surgery", "Details": "Cough & cold\nWell"}},
                {"cells": {"Date": "31-Oct-2016", "Title": "Home visit"}},
            ],
        }
    ]
    assert "not coded data" in section["rows_are"]
    assert section["period"] == {"start": "2016-10-01", "end": "2016-10-31"}
    assert section["received_html"] == html
    assert section["received_hash"].startswith("sha256:")
    assert section["issues"] == []


@pytest.mark.duty("HT-022")
def test_banners_stand_with_the_part_they_belong_to():
    html = (
        "<h1>Problems and Issues</h1>"
        + banner("gptransfer", TRANSFER)
        + "<div><h2>Active Problems and Issues</h2>"
        + banner("content", "a")
        + banner("date", "Date filter not applied")
        + table("01-Jan-2020|Asthma", table_id="prb-tab-act", columns="Start Date,Entry")
        + "</div><div><h2>Major Inactive Problems and Issues</h2>"
        + banner("exclusion", EXCLUSION)
        + table("01-Jan-2010|Fracture", table_id="prb-tab-majinact", columns="Start Date,Entry")
        + "</div>"
    )
    section = shown(html, "PRB")
    assert [banner["kind"] for banner in section["banners"]] == ["transfer"]
    parts = section["subsections"]
    assert [part["title"] for part in parts] == [
        "Active Problems and Issues",
        "Major Inactive Problems and Issues",
    ]
    assert [[banner["kind"] for banner in part["banners"]] for part in parts] == [
        ["content", "date"],
        ["exclusion"],
    ]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("exclusion", EXCLUSION),
        ("exclusion", "Sensitive data has been excluded"),
        ("transfer", TRANSFER),
        ("date", "All Data Items"),
        ("date", "All data items from 01 Oct 2016"),
        ("date", "Data items until 31-Oct-2016"),
        ("content", "All repeat medication ended by a clinician action"),
    ],
)
@pytest.mark.parametrize("form", ["<p>{}</p>", "<table><tr><td colspan=3>{}</td></tr></table>"])
def test_banners_are_known_by_their_words_where_practices_send_no_class(kind, text, form):
    section = shown(form.format(text) + table("02-Oct-2016|Surgery|Cough"))
    # What comes before any heading is the section's; a row of a table as well.
    assert section["banners"] == [{"kind": kind, "text": text}]


@pytest.mark.parametrize(("absence", "text"), ABSENCES.items())
@pytest.mark.parametrize(
    "form",
    [
        "<h1>Encounters</h1><div><p>{}</p></div>",
        "<h1>Encounters</h1><p>{}</p><p>" + MAY_EXIST + "</p>",
        "<table id=enc-tab><tr><th>Date</th><th>Title</th></tr><tr><td colspan=2>{} "
        + MAY_EXIST
        + "</td></tr></table>",
        "<table id=enc-tab><tr><th>Date</th><th>Title</th></tr><tr><td></td><td>{}</td></tr></table>",
        '<div class="content-banner"><p>{}</p></div>',
    ],
)
def test_the_four_absences_stay_four(absence, text, form):
    section = shown(form.format(text))
    assert section["state"] == section["absence"] == absence
    assert section["may_say_none"] == (absence == "nothing_recorded")
    assert only_part(section)["state"] == absence


@pytest.mark.parametrize("quoted", ["\u2018{}\u2019", "&quot;{}&quot;", "{}", "'{}'"])
def test_an_absence_is_known_whatever_quotes_are_used(quoted):
    assert shown(f"<p>No {quoted.format('Encounters')} data recorded for this patient</p>")["may_say_none"]


@pytest.mark.duty("HT-034")
@pytest.mark.parametrize(
    ("banners", "state"),
    [
        (banner("exclusion", EXCLUSION), "withheld"),
        (banner("content", "Sensitive data has been excluded"), "withheld"),
        (banner("gptransfer", TRANSFER), "transfer_incomplete"),
        (banner("gptransfer", TRANSFER) + banner("exclusion", EXCLUSION), "withheld"),
    ],
)
@pytest.mark.parametrize("rest", [f"<p>{ABSENCES['nothing_recorded']}</p>", table()])
def test_nothing_to_read_is_not_none_while_something_is_held_back_or_on_its_way(banners, state, rest):
    section = shown(banners + rest)
    assert section["state"] == state
    assert not section["may_say_none"]


@pytest.mark.parametrize("html", [table(), "<h1>Encounters</h1>", "<p>&#160;</p>", "<div></div>"])
def test_an_empty_page_says_nothing(html):
    section = shown(html)
    assert section["state"] == "unstated"
    assert not section["may_say_none"]
    assert "absence" not in section


def test_words_in_an_entry_are_no_absence():
    quoted = f"Letter: {ABSENCES['nothing_recorded']}"
    section = shown(table(f"02-Oct-2016|Surgery|{quoted}", f"03-Oct-2016|Surgery|{EXCLUSION}"))
    assert section["state"] == "content"
    assert section["banners"] == []
    assert only_part(section)["tables"][0]["rows"][0]["cells"]["Details"] == quoted


def test_of_parts_that_hold_nothing_the_one_that_says_least_counts():
    def parts(*texts):
        return "".join(f"<h2>{n}</h2><p>{text}</p>" for n, text in enumerate(texts))

    none, denied, unstored = (ABSENCES[key] for key in ("nothing_recorded", "access_denied", "not_stored"))
    assert shown(parts(none, none))["state"] == "nothing_recorded"
    assert shown(parts(none, unstored))["state"] == "not_stored"
    mixed = shown(parts(none, denied, unstored))
    assert (mixed["state"], mixed["may_say_none"]) == ("access_denied", False)
    assert "absence" not in mixed
    assert [part["state"] for part in mixed["subsections"]] == [
        "nothing_recorded",
        "access_denied",
        "not_stored",
    ]
    assert shown(parts(denied, "Reviewed"))["state"] == "content"


def test_group_headings_are_no_rows():
    html = (
        '<table id="med-tab-all-sum"><thead><tr><th>Type</th><th>Start Date</th></tr></thead><tbody>'
        '<tr><td colspan="2" class="med-item-column"><strong>Aspirin 75mg</strong></td></tr>'
        "<tr><td>Repeat</td><td>01-Jan-2020</td></tr>"
        '<tr><td colspan="2"><strong>Salbutamol</strong></td></tr>'
        "<tr><td>Acute</td><td>02-Jan-2020</td></tr><tr><td>Acute</td><td></td></tr></tbody></table>"
    )
    read = only_part(shown(html, "MED"))["tables"][0]
    assert read["groups"] == ["Aspirin 75mg", "Salbutamol"]
    assert [(row.get("group"), row["cells"]["Type"]) for row in read["rows"]] == [
        ("Aspirin 75mg", "Repeat"),
        ("Salbutamol", "Acute"),
        ("Salbutamol", "Acute"),
    ]


@pytest.mark.duty("HT-029")
def test_columns_that_nobody_named_are_kept():
    read = only_part(shown(table("1|2|3|4|5", columns="Entry,Details,Details,", table_id="xyz-tab")))
    assert read["tables"][0]["rows"] == [
        {"cells": {"Entry": "1", "Details": "2", "Details (2)": "3", "Column 4": "4", "Column 5": "5"}}
    ]
    assert read["tables"][0]["columns"] == ["Entry", "Details", "Details (2)", "Column 4", "Column 5"]


def test_a_table_without_headings_or_with_one_outside_a_row():
    bare = only_part(shown("<table><tr><td>a</td><td>b</td></tr></table>"))["tables"][0]
    assert bare["rows"] == [{"cells": {"Column 1": "a", "Column 2": "b"}}]
    loose = "<p><table><th>Date</th><th>Title</th><tr><td>1 Oct 2016</td><td>b</td></tr></table></p>"
    assert only_part(shown(loose))["tables"][0]["rows"] == [{"cells": {"Date": "01-Oct-2016", "Title": "b"}}]


def test_cells_that_span_others_leave_columns_where_they_are():
    html = (
        "<table><tr><th>A</th><th>B</th><th>C</th></tr>"
        "<tr><td rowspan=2>1</td><td colspan=2>2</td></tr><tr><td>3</td><td>4</td></tr></table>"
    )
    assert only_part(shown(html))["tables"][0]["rows"] == [
        {"cells": {"A": "1", "B": "2"}},
        {"cells": {"B": "3", "C": "4"}},
    ]


def test_a_table_inside_a_cell_is_text_of_the_cell():
    inner = "<table><tr><td>Weight</td><td>80</td></tr></table>"
    assert only_part(shown(table(f"02-Oct-2016|Clinic|{inner}")))["tables"][0]["rows"] == [
        {"cells": {"Date": "02-Oct-2016", "Title": "Clinic", "Details": "Weight\n80"}}
    ]


def test_text_outside_of_tables_is_kept():
    section = shown("<h1>Encounters</h1><p>Seen <b>twice</b><br>this year</p>" + table())
    assert only_part(section)["texts"] == ["Seen twice", "this year"]
    assert section["state"] == "content"


@pytest.mark.duty("HT-016", "HT-017", "HT-037")
def test_details_are_compared_and_differences_told_with_both_values():
    same = shown(
        table(),
        birth_date=date(1950, 1, 2),
        family_name="TAYLOR",
        given_name="Sam",
        gender="female",
        practice_ods="A00001",
    )
    check = {**same["demographics"]}
    assert (check.pop("verdict"), check.pop("differences")) == ("accept", [])
    assert set(check.values()) == {"match"}
    differing = shown(
        table(),
        birth_date=date(1951, 1, 2),
        family_name="Tailor",
        given_name="Kim",
        gender="male",
        practice_ods="B00002",
    )["demographics"]
    assert differing["verdict"] == "review"
    assert differing["differences"] == [
        {"field": "birth_date", "asked": "1951-01-02", "returned": "1950-01-02"},
        {"field": "family_name", "asked": "Tailor", "returned": "Taylor"},
        {"field": "given_name", "asked": "Kim", "returned": "Sam Lee"},
        {"field": "gender", "asked": "male", "returned": "female"},
        {"field": "practice_ods", "asked": "B00002", "returned": "A00001"},
    ]


@pytest.mark.duty("HT-016")
@pytest.mark.parametrize(
    ("sent", "held", "match", "verdict"),
    [
        ({}, None, "match", "accept"),
        ({"deceasedDateTime": "2026-11-01T10:00:00Z"}, date(2026, 11, 1), "match", "accept"),
        ({"deceasedDateTime": "2026-11-01"}, None, "mismatch", "review"),
        ({"deceasedBoolean": True}, None, "mismatch", "review"),
        ({"deceasedBoolean": False}, None, "match", "accept"),
        ({}, date(2026, 11, 1), "absent", "review"),
    ],
)
def test_a_death_that_only_one_side_knows_of_is_for_a_person_to_look_at(sent, held, match, verdict):
    page = c.composition(c.section(table()))
    check = mapped(c.bundle(page, c.patient(**sent), c.organisation()), deceased_on=held)["demographics"]
    assert (check["deceased"], check["verdict"]) == (match, verdict)
    assert ("deceased" in {each["field"] for each in check["differences"]}) == (match == "mismatch")


@pytest.mark.duty("HT-018")
def test_other_details_are_there_for_the_eyes_and_not_compared():
    assert shown(table())["patient"] == {
        "name": "Mx Sam Lee Taylor",
        "birth_date": "1950-01-02",
        "gender": "female",
        "address": ["1 Mill Lane", "Leeds", "LS1 6AE"],
        "phones": ["0113 496 0000"],
        "gp_name": "Dr Nichole Gilbert",
        "practice_name": "Mill Lane Surgery",
    }


@pytest.mark.duty("HT-037")
@pytest.mark.parametrize(
    "resources",
    [
        [c.composition(c.section(table("a|b|c"))), c.patient(c.OTHER_NUMBER)],
        [c.composition(c.section(table("a|b|c")))],
        [
            c.composition(c.section(table("a|b|c")), subject={"reference": "Patient/p2"}),
            c.patient(),
            c.patient(c.OTHER_NUMBER, id="p2"),
        ],
    ],
    ids=["another", "none", "one of two"],
)
def test_a_section_about_another_patient_shows_nothing_of_it(resources):
    section = mapped(c.bundle(*resources))
    assert (section["state"], section["failure"]) == ("failed", "other_patient")
    assert section["demographics"]["verdict"] == "reject"
    assert {"html", "received_html", "received_hash", "patient"}.isdisjoint(section)
    assert section["subsections"] == []
    assert c.OTHER_NUMBER not in str(section)


@pytest.mark.parametrize(
    ("resource", "failure"),
    [
        (None, "not_a_care_record"),
        ([], "not_a_care_record"),
        ({"resourceType": "Bundle"}, "not_a_care_record"),
        ({"resourceType": "OperationOutcome"}, "not_a_care_record"),
        (c.bundle(c.patient()), "not_a_care_record"),
        (c.bundle(c.composition(), c.patient()), "section_missing"),
        (answer(""), "section_missing"),
        (answer(None), "section_missing"),
        (answer({"a": 1}), "section_missing"),
        (answer(table("a|b|c"), "MED"), "other_section"),
        (
            c.bundle(c.composition(c.section("a"), c.section("b")), c.patient()),
            "other_section",
        ),
        (answer("<svg><text>Penicillin</text></svg>"), "text_would_be_lost"),
        (answer("<div>" * 3000), "too_large"),
    ],
)
def test_what_cannot_be_shown_says_why_and_shows_nothing(resource, failure):
    section = mapped(resource)
    assert (section["state"], section["failure"]) == ("failed", failure)
    assert not section["may_say_none"]
    assert {"html", "received_html"}.isdisjoint(section)
    assert "Penicillin" not in str(section)


def test_a_section_without_a_code_is_taken_when_it_is_the_only_one():
    section = mapped(answer(table("a|b|c"), None))
    assert section["state"] == "content"
    assert issue_codes(section) == {"section_unnamed"}


def test_of_several_sections_the_one_asked_for_is_shown():
    page = c.composition(c.section("<p>other</p>", "MED"), c.section("<p>asked for</p>", "enc"))
    section = mapped(c.bundle(page, c.patient(), c.organisation(), c.device()))
    assert section["html"] == "<p>asked for</p>"
    assert issue_codes(section) == {"several_sections"}


def test_who_made_the_page_and_when():
    section = shown(table())
    assert section["generated"] == {
        "at": "2026-11-22T08:59:59+00:00",
        "system": "Practice System",
        "version": "7.4",
        "organisation": "Mill Lane Surgery",
    }
    assert (section["holder_ods"], section["holder_name"]) == ("A00001", "Mill Lane Surgery")


OTHER = c.organisation("B00002", id="o2", name="Other Surgery")


@pytest.mark.parametrize(
    ("custodian", "called", "holder"),
    [
        # the document's keeper is another organisation than the patient's practice
        ({"reference": "Organization/o2"}, "A00001", ("A00001", "Mill Lane Surgery")),
        ({"reference": "Organization/o2"}, "B00002", ("B00002", "Other Surgery")),
        ({"reference": "Organization/o2"}, "C00003", ("C00003", None)),
        ({"reference": "Organization/o2"}, None, ("B00002", "Other Surgery")),
        # of words alone nobody knows the code
        ({"display": "Some Surgery"}, "A00001", ("A00001", "Mill Lane Surgery")),
        ({"display": "Some Surgery"}, None, ("A00001", "Mill Lane Surgery")),
        ({"display": "Some Surgery"}, "C00003", ("C00003", "Some Surgery")),
    ],
)
def test_code_and_name_of_the_holder_are_of_one_organisation(custodian, called, holder):
    page = c.composition(c.section(table("a|b|c")), custodian=custodian)
    section = map_section(
        c.bundle(page, c.patient(), c.organisation(), OTHER, c.device()),
        asked=SectionAsked(code="ENC", nhs_number=c.NHS_NUMBER),
        source=Source(
            request_id="r", retrieved_at="2026-11-22T09:00:00Z", body_sha256="0" * 64, holder_ods=called
        ),
    )
    assert (section.get("holder_ods"), section.get("holder_name")) == holder


def test_references_that_point_nowhere_cost_nothing():
    page = c.composition(
        c.section(table("a|b|c")),
        custodian={"reference": "Hl7.Fhir.Model.Organization"},
        author=[{"reference": "Device/none", "display": "Practice System"}],
        subject={"reference": "urn:nowhere"},
    )
    section = mapped(c.bundle(page, c.patient(), c.organisation()))
    assert section["holder_name"] == "Mill Lane Surgery"
    assert section["generated"]["system"] == "Practice System"
    lost = mapped(c.bundle(page, c.patient()))
    assert issue_codes(lost) == {"custodian_unresolved"}


def test_the_same_content_has_the_same_snapshot_and_other_content_another():
    def snapshot(html, **source):
        asked = SectionAsked(code="ENC", nhs_number=c.NHS_NUMBER)
        given = {"request_id": "r", "retrieved_at": "2026-11-22T09:00:00Z", "body_sha256": "0" * 64, **source}
        return map_section(answer(html), asked=asked, source=Source(**given))["snapshot_id"]

    first = snapshot("<p>a</p>")
    assert snapshot("<p>a</p>", retrieved_at="2026-11-22T10:00:00Z", body_sha256="1" * 64) == first
    assert snapshot("<p>b</p>") != first
    assert snapshot("<p>a</p>", request_id="s") != first


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        ("ENC", {"start": date(2016, 10, 1)}),
        ("ENC", {"end": date(2016, 10, 1)}),
        ("ENC", {"family_name": "Other"}),
        ("CLI", {}),
    ],
)
def test_another_question_or_verdict_has_another_snapshot(code, asked):
    unnamed = answer("<p>a</p>", None)
    usual, other = mapped(unnamed), mapped(unnamed, code, **asked)
    assert usual["received_hash"] == other["received_hash"]
    assert usual["snapshot_id"] != other["snapshot_id"]


def test_failures_have_snapshots_by_their_reason():
    failed = [mapped(answer(html, code)) for html, code in (("<p>a</p>", "MED"), (None, "ENC"))]
    assert {section["failure"] for section in failed} == {"other_section", "section_missing"}
    assert len({section["snapshot_id"] for section in failed} - {""}) == 2


def test_asking_shows_no_patient_in_its_text_form():
    asked = SectionAsked(
        code="ENC", nhs_number=c.NHS_NUMBER, family_name="Taylor", birth_date=date(1950, 1, 2)
    )
    assert not {"Taylor", "1950", c.NHS_NUMBER} & set(repr(asked).replace("'", " ").replace("(", " ").split())


def test_half_of_a_character_is_shown_as_what_it_is():
    assert shown("<p>a\ud800b</p>")["html"] == "<p>a?b</p>"


def test_what_was_mended_to_read_the_answer_is_told_of_sections_that_cannot_be_shown_too():
    source = replace(c.SOURCE, issues=("byte_order_mark", "replaced_characters"))
    asked = SectionAsked(code="ENC", nhs_number=c.NHS_NUMBER)
    good = map_section(answer("<div><h1>Encounters</h1></div>"), asked=asked, source=source)
    failed = map_section({}, asked=asked, source=source)
    assert failed["state"] == "failed"
    for section in (good, failed):
        c.SCHEMA.validate_python(section, strict=True)
        assert {"byte_order_mark", "replaced_characters"} <= issue_codes(section)
