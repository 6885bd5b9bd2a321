"""Cells are under the heading under which a reader sees them, or the table is not given as rows."""

import pytest

from tests.support.care_records import shown

HEAD = "<thead><tr><th>Date</th><th>Item</th><th>Dose</th></tr></thead>"


def only_table(html, *, rows=True):
    section = shown(f"<h1>Medications</h1><table>{html}</table>", "MED")
    (part,) = section["subsections"]
    (read,) = part["tables"]
    assert ("not_as_rows" not in read) is rows
    assert ("table_not_as_rows" in {issue["code"] for issue in section["issues"]}) is not rows
    assert section["state"] == "content"
    assert not section["may_say_none"]
    return read


def cells(html):
    return [row["cells"] for row in only_table(html)["rows"]]


@pytest.mark.parametrize("span", ["0", "2", " 2", "+2", "2 rows", "500"])
def test_a_cell_reaches_over_the_rows_of_its_group_and_no_further(span):
    html = (
        f'{HEAD}<tbody><tr><td rowspan="{span}">1</td><td>A</td><td>x</td></tr>'
        "<tr><td>B</td><td>y</td></tr></tbody>"
        "<tbody><tr><td>2</td><td>C</td><td>z</td></tr></tbody>"
    )
    assert cells(html) == [
        {"Date": "1", "Item": "A", "Dose": "x"},
        {"Item": "B", "Dose": "y"},
        {"Date": "2", "Item": "C", "Dose": "z"},
    ]


def test_a_cell_reaches_over_more_than_twenty_rows():
    more = "".join(f"<tr><td>{number}</td><td>y</td></tr>" for number in range(30))
    read = cells(f'{HEAD}<tr><td rowspan="31">1</td><td>A</td><td>x</td></tr>{more}')
    assert read[-1] == {"Item": "29", "Dose": "y"}


def test_a_cell_that_reaches_past_the_last_one_is_no_heading_of_a_group():
    html = f'{HEAD}<tr><td>1</td><td rowspan="2">A</td><td rowspan="2">x</td></tr><tr><td>2</td></tr>'
    assert cells(html) == [{"Date": "1", "Item": "A", "Dose": "x"}, {"Date": "2"}]


def test_the_foot_comes_last_wherever_it_stands():
    html = (
        f'{HEAD}<tfoot><tr><td colspan="3">Printed by the practice</td></tr></tfoot>'
        "<tbody><tr><td>1</td><td>A</td><td>x</td></tr></tbody>"
    )
    read = only_table(html)
    assert read["rows"] == [{"cells": {"Date": "1", "Item": "A", "Dose": "x"}}]
    assert read["groups"] == ["Printed by the practice"]
    foot = "<tfoot><tr><td>Total</td><td></td><td>9</td></tr></tfoot>"
    assert cells(f"{foot}<tbody><tr><td>1</td><td>A</td><td>x</td></tr></tbody>{HEAD}") == [
        {"Date": "1", "Item": "A", "Dose": "x"},
        {"Date": "Total", "Dose": "9"},
    ]


@pytest.mark.parametrize(
    ("head", "columns"),
    [
        (
            '<tr><th rowspan="2">Date</th><th colspan="2">Medication</th></tr><tr><th>Item</th><th>Dose</th></tr>',
            ["Date", "Medication Item", "Medication Dose"],
        ),
        (
            '<tr><th colspan="2">Medication</th><th rowspan="2">Date</th></tr><tr><th>Item</th><th>Dose</th></tr>',
            ["Medication Item", "Medication Dose", "Date"],
        ),
        (
            "<tr><th>Date</th><th>Item</th><th>Dose</th></tr><tr><th></th><th></th><th>mg</th></tr>",
            ["Date", "Item", "Dose mg"],
        ),
        (
            "<tr><th>Date</th><th>Item</th><th>Dose</th></tr><tr><th>Date</th><th>Item</th><th>Dose</th></tr>",
            ["Date", "Item", "Dose"],
        ),
        ("<tr><td>Date</td><td>Item</td><td>Dose</td></tr>", ["Date", "Item", "Dose"]),
    ],
)
def test_columns_are_named_by_all_rows_of_the_head(head, columns):
    body = "<tr><td>a</td><td>b</td><td>c</td></tr>"
    read = only_table(f"<thead>{head}</thead><tbody>{body}</tbody>")
    assert read["columns"] == columns
    assert read["groups"] == []
    assert [row["cells"] for row in read["rows"]] == [dict(zip(columns, "abc", strict=True))]
    again = f"<thead>{head}</thead><tbody>{body}</tbody><tbody>{head.replace('td>', 'th>')}{body}</tbody>"
    assert len(cells(again)) == 2


@pytest.mark.parametrize("cell", ['<th colspan="3">Current Repeats</th>', "<th>Current Repeats</th>"])
@pytest.mark.parametrize("above", [True, False])
def test_a_title_in_the_head_heads_a_group(cell, above):
    title, names = f"<tr>{cell}</tr>", "<tr><th>Date</th><th>Item</th><th>Dose</th></tr>"
    head = title + names if above else names + title
    read = only_table(f"<thead>{head}</thead><tbody><tr><td>1</td><td>A</td><td>x</td></tr></tbody>")
    assert read["columns"] == ["Date", "Item", "Dose"]
    assert read["rows"] == [
        {"cells": {"Date": "1", "Item": "A", "Dose": "x"}, "group": "Current Repeats"},
    ]


@pytest.mark.parametrize(
    ("html", "why"),
    [
        (
            (
                f"{HEAD}<tbody><tr><td>1</td><td>A</td><td>x</td></tr>"
                "<tr><th>Date</th><th>Dose</th><th>Item</th></tr><tr><td>2</td><td>y</td><td>B</td></tr></tbody>"
            ),
            "headings_change",
        ),
        (
            "<tr><td>1</td><td>A</td></tr><tr><th>Date</th><th>Item</th></tr><tr><td>2</td><td>B</td></tr>",
            "headings_change",
        ),
        (
            (
                f'{HEAD}<tbody><tr><td>1</td><td rowspan="2">A</td><td>x</td></tr>'
                '<tr><td colspan="2">2</td><td>y</td></tr></tbody>'
            ),
            "cells_unclear",
        ),
        (f'{HEAD}<tbody><tr><td colspan="40">1</td><td>A</td></tr></tbody>', "cells_unclear"),
    ],
)
def test_a_table_says_when_it_cannot_be_given_as_rows(html, why):
    read = only_table(html, rows=False)
    assert read["not_as_rows"] == why
    assert read["rows"] == read["groups"] == []
