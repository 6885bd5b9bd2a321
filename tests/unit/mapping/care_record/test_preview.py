"""The preview page as a file: whole, in order, and saying what must not be overlooked."""

import re
from base64 import b64encode
from datetime import date
from hashlib import sha256

import pytest

from bridge.mapping.care_record import render_preview
from bridge.record.sections import SectionCode
from tests.support.care_records import answer, mapped, shown, table
from tests.support.html_reader import elements, parsed, words


def test_the_page_stands_alone_and_allows_nothing_but_its_own_style():
    page = render_preview([shown(table("02-Oct-2016|Surgery|Cough"))])
    (style,) = parsed(page).iter("style")
    (policy,) = [meta.get("content") for meta in parsed(page).iter("meta") if meta.get("http-equiv")]
    digest = b64encode(sha256((style.text or "").encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src-elem 'sha256-{digest}'; style-src-attr 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not {"script", "link", "img", "iframe", "form"} & {each.tag for each in parsed(page).iter()}
    assert "url(" not in page
    assert "@import" not in page


@pytest.mark.duty("HT-011")
def test_sections_come_in_the_mandated_order():
    codes: tuple[SectionCode, ...] = ("ADM", "MED", "SUM", "ALL")
    page = render_preview([mapped(answer(f"<p>{code}-content</p>", code), code) for code in codes])
    assert re.findall(r"<p>(\w+)-content", page) == ["SUM", "ALL", "MED", "ADM"]


@pytest.mark.duty("HT-015", "HT-017")
def test_it_says_whom_it_is_about_and_what_differs():
    seen = " ".join(
        words(render_preview([shown(table(), family_name="Tailor", birth_date=date(1951, 2, 3))]))
    )
    assert "Name Mx Sam Lee Taylor NHS number 999 000 0018 Born 02-Jan-1950" in seen
    assert "Check who this record is about." in seen
    assert "Family name: asked for Tailor, practice has Taylor" in seen
    assert "Date of birth: asked for 1951-02-03, practice has 1950-01-02" in seen


@pytest.mark.parametrize(
    ("text", "notice"),
    [
        ("No 'Encounters' data is recorded for this patient.", "states that nothing is recorded"),
        ("Access is denied to 'Encounters' data for this patient.", "Withheld: access was denied"),
        ("This system does not support retrieval of 'Encounters' data.", "system cannot send this"),
        ("'Encounters' data is not supported by this system.", "does not hold this kind of data"),
        ("Sensitive data has been excluded", "Do not read this as nothing recorded"),
        ("", "did not say why"),
    ],
)
def test_no_two_kinds_of_nothing_look_the_same(text, notice):
    page = render_preview([shown(f"<h1>Encounters</h1><p>{text}</p>")])
    assert notice in page


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (None, "the practice's answer holds no care record"),
        (
            answer("<svg><text>a</text></svg>"),
            "made safe, the section would not show all that the practice sent",
        ),
        (answer("<p>a</p>", "MED"), "the practice answered with another section"),
    ],
)
def test_a_section_that_failed_says_why(resource, reason):
    seen = " ".join(words(render_preview([mapped(resource)])))
    assert f"This section cannot be shown: {reason}." in seen


def test_an_event_that_was_changed_is_made_safe_again():
    section = shown("<p>a</p>")
    changed = {
        **section,
        "html": "<p onclick=hit()>a</p><script>hit()</script>",
        "title": "<script>hit()</script>",
        "holder_name": "<img src=x onerror=hit()>",
    }
    page = render_preview([changed])
    assert not {"script", "img"} & {each.tag for each in elements(page)}
    assert not [each for each in elements(page) if "onclick" in each.attrib]
    unsafe = render_preview([{**section, "html": "<svg><text>a</text></svg>"}])
    assert "This section cannot be shown" in unsafe


def test_a_page_of_no_sections_is_a_page():
    assert render_preview([]).startswith("<!DOCTYPE html>")
