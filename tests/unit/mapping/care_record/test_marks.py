"""Marks survive: what is struck out, raised or lowered on the page is so in rows and texts, or is not given."""

import pytest

from bridge.mapping.care_record.sanitise import Sanitised, sanitise
from tests.support.care_records import shown, table

COLUMNS = "Start Date,Medication Item,Dosage Instruction"
NOTHING = "No 'Medications' data is recorded for this patient."
STRIKES = [
    ("<del>", "</del>"),
    ("<s>", "</s>"),
    ("<strike>", "</strike>"),
    ('<span style="text-decoration: line-through">', "</span>"),
    ('<span style="color:red; text-decoration:line-through !important">', "</span>"),
    ('<span style="text-decoration: underline line-through">', "</span>"),
    ('<span style="TEXT-DECORATION-LINE: Line-Through">', "</span>"),
    ('<span style="text-decoration:/* gone */line-through">', "</span>"),
    ('<span class="strikethrough">', "</span>"),
    ('<span class="bold line-through">', "</span>"),
    ("<b><s>", "</s></b>"),
]


def rows_of(html):
    return only_table(html)["rows"]


def only_table(html):
    (part,) = shown(html, "MED")["subsections"]
    (read,) = part["tables"]
    return read


@pytest.mark.duty("HT-023")
@pytest.mark.parametrize(("start", "end"), STRIKES)
def test_a_struck_out_entry_is_struck_out_in_its_row_and_on_the_page(start, end):
    section = shown(
        table(
            f"01-Jan-2026|{start}Warfarin 5mg tablets{end}|{start}One daily{end}",
            "02-Jan-2026|Aspirin 75mg|One daily",
            columns=COLUMNS,
        ),
        "MED",
    )
    (part,) = section["subsections"]
    assert part["tables"][0]["rows"] == [
        {
            "cells": {
                "Start Date": "01-Jan-2026",
                "Medication Item": "[struck out: Warfarin 5mg tablets]",
                "Dosage Instruction": "[struck out: One daily]",
            },
            "struck_out": ["Medication Item", "Dosage Instruction"],
        },
        {
            "cells": {
                "Start Date": "02-Jan-2026",
                "Medication Item": "Aspirin 75mg",
                "Dosage Instruction": "One daily",
            }
        },
    ]
    kept = ("<del>", "<s>", "<strike>", "line-through", "strikethrough")
    assert any(mark in section["html"] for mark in kept)


@pytest.mark.parametrize(
    "row",
    [
        '<tr style="text-decoration: line-through"><td>01-Jan-2026</td><td>Warfarin</td></tr>',
        '<tr class="strikethrough"><td>01-Jan-2026</td><td>Warfarin</td></tr>',
        "<tr><td><del>01-Jan-2026</del></td><td><p><del>Warfarin</del></p></td></tr>",
    ],
)
def test_a_row_is_struck_out_by_any_element_around_its_cells(row):
    html = f"<table><thead><tr><th>Date</th><th>Item</th></tr></thead><tbody>{row}</tbody></table>"
    assert rows_of(html) == [
        {
            "cells": {"Date": "[struck out: 01-Jan-2026]", "Item": "[struck out: Warfarin]"},
            "struck_out": ["Date", "Item"],
        }
    ]


def test_a_table_is_struck_out_by_what_stands_around_it():
    read = only_table(f"<del><div>{table('01-Jan-2026|Warfarin|Daily', columns=COLUMNS)}</div></del>")
    assert read["columns"] == [f"[struck out: {name}]" for name in COLUMNS.split(",")]
    assert read["rows"][0]["struck_out"] == read["columns"]


def test_what_is_struck_out_of_a_cell_is_told_from_what_is_not_line_by_line():
    (row,) = rows_of(table("1|<del>Warfarin <b>5mg</b><br/>daily</del> Aspirin|x", columns=COLUMNS))
    assert row["cells"]["Medication Item"] == "[struck out: Warfarin 5mg]\n[struck out: daily] Aspirin"
    assert row["struck_out"] == ["Medication Item"]


def test_other_decorations_strike_nothing_out():
    (row,) = rows_of(
        table(
            "1|<u>A</u> <ins>B</ins>|"
            '<span style="text-decoration: underline">C</span>'
            '<span style="text-decoration: line-through; text-decoration: none">D</span>',
            columns=COLUMNS,
        )
    )
    assert row["cells"] == {"Start Date": "1", "Medication Item": "A B", "Dosage Instruction": "CD"}
    assert "struck_out" not in row


def test_a_struck_out_picture_keeps_its_mark():
    section = shown('<h1>Medications</h1><p><del><img src="x" alt="Chart"/></del></p>', "MED")
    assert section["subsections"][0]["texts"] == ["[struck out: Chart]"]


@pytest.mark.parametrize(("start", "end"), STRIKES)
@pytest.mark.parametrize(
    "form", ["<p>{}</p>", '<div class="content-banner">{}</div>', "<table><tr><td>{}</td></tr></table>"]
)
def test_a_struck_out_statement_of_absence_says_nothing(start, end, form):
    section = shown(f"<h1>Medications</h1>{form.format(f'{start}{NOTHING}{end}')}", "MED")
    assert not section["may_say_none"]
    assert "absence" not in section
    assert section["state"] in ("content", "unstated")


def test_a_statement_of_absence_that_is_struck_out_in_part_says_nothing():
    section = shown("<p>No 'Medications' data is <del>not</del> recorded for this patient.</p>", "MED")
    assert not section["may_say_none"]
    section = shown("<p>No <del>'Allergies'</del> data is recorded for this patient.</p>", "MED")
    assert not section["may_say_none"]


def test_a_statement_that_is_struck_out_leaves_a_valid_one_beside_it_in_doubt():
    section = shown(f"<p>{NOTHING}</p><p><del>Penicillin: rash</del></p>", "MED")
    assert not section["may_say_none"]
    assert section["subsections"][0]["texts"] == [NOTHING, "[struck out: Penicillin: rash]"]


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("10<sup>9</sup>/L", "10⁹/L"),
        ("10<sup>-9</sup>", "10⁻⁹"),
        ('10<span style="vertical-align: super">12</span>', "10¹²"),
        ("10<sup><b>9</b></sup>", "10⁹"),
        ("H<sub>2</sub>O", "H₂O"),
        ('CO<span style="vertical-align:sub">2</span>', "CO₂"),
        ("<sup>1</sup>/<sub>2</sub> tablet", "¹/₂ tablet"),
        ("Warfarin<sup>a</sup>", "Warfarin^(a)"),
        ("10<sup>1.5</sup>", "10^(1.5)"),
        ("V<sub>max</sub>", "V_(max)"),
        ("Brand<sup>®</sup> tablets", "Brand® tablets"),
        ("2<sup>3<sup>2</sup></sup>", "2³^(²)"),
        ("<del>10<sup>9</sup></del>", "[struck out: 10⁹]"),
    ],
)
def test_raised_and_lowered_words_are_not_joined_to_what_they_stand_beside(sent, read):
    (row,) = rows_of(table(f"1|{sent}|x", columns=COLUMNS))
    assert row["cells"]["Medication Item"] == read
    assert shown(f"<p>{sent}</p>", "MED")["subsections"][0]["texts"] == [read]


def test_the_alignment_of_a_cell_raises_nothing():
    (row,) = rows_of('<table><tr><td style="vertical-align: super">109</td></tr></table>')
    assert list(row["cells"].values()) == ["109"]


@pytest.mark.parametrize(
    "html",
    [
        # A parser moves the element out of the table, and the row would read as a valid one.
        "<table><tbody><del><tr><td>Warfarin</td></tr></del></tbody></table>",
        "<table><s><tr><td>Warfarin</td></tr></s></table>",
        '<p><font style="text-decoration: line-through">Warfarin</font></p>',
        "<style>.old { text-decoration: line-through }</style><p class='old'>Warfarin</p>",
        "<style>@media print { td .old, .gone { text-decoration: line-through; } }</style><b class='x gone'>A</b>",
        "<p><del/>Warfarin, still taken</p>",
    ],
)
def test_a_section_fails_whose_marks_would_be_lost_or_gained(html):
    assert sanitise(html) == "marks_would_be_lost"
    section = shown(html, "MED")
    assert section["state"] == "failed"
    assert section["failure"] == "marks_would_be_lost"


@pytest.mark.parametrize(
    "html",
    [
        "<style>.old { text-decoration: line-through }</style><p class='new'>Warfarin</p>",
        "<style>.old { color: red }</style><p class='old'>Warfarin</p>",
        "<p><s>Warfarin <font>5</font>mg</s> <i onclick='x'>Aspirin</i></p>",
        "<p><strike>Warfarin</p><p>Aspirin",
    ],
)
def test_marks_that_a_browser_shows_alike_are_no_reason_to_fail(html):
    assert isinstance(sanitise(html), Sanitised)
