"""The documentation site is built without a warning; its links lead somewhere, and its examples keep their schemas."""

import json
import re

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from bridge.errors import FailureCode
from bridge.figures.table import FIGURES, PREFIX
from tests.contract.deploy.test_guide import defaults
from tests.site.build import BuildError, all_pages, build, finished, put, run_builder
from tests.site.check import faults
from tests.site.links import BrokenLinkError, SiteLinks
from tests.site.markdown import for_builder
from tests.site.messages import document, examples
from tests.site.sources import SitePage

ROLES = ("integrator", "epr-developer", "operator", "safety-officer", "contributor")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build(folder)
    return folder


def text(site, page):
    return (site / page).read_text(encoding="utf-8")


def test_every_link_and_anchor_leads_somewhere_and_nothing_comes_from_elsewhere(site):
    assert list(faults(site)) == []


def test_every_setting_has_its_row_and_its_form_as_a_file(site):
    page = text(site, "operate/settings.html")
    assert [
        name for name in defaults() if f"<code>{name}</code>" not in page and f">{name}</code>" not in page
    ] == []
    assert 'or in a file: <code id="bridge-bus-password-file">BRIDGE_BUS_PASSWORD_FILE</code>' in page
    assert "whole number, at least 1, at most 2000</td><td><code>50</code>" in page


def test_every_code_and_every_figure_is_explained(site):
    codes, figures = text(site, "reference/errors.html"), text(site, "reference/metrics.html")
    assert [code for code in FailureCode if f"<code>{code}</code></h2>" not in codes] == []
    assert [name for name in FIGURES if f"<code>{PREFIX}{name}</code>" not in figures] == []


def test_every_message_has_a_page_with_its_fields_and_an_example(site):
    for kind in document()["channels"]:
        page = text(site, f"messages/{kind}.html")
        assert f"&quot;uk.nhs.gpconnect.{kind}&quot;" in page, kind
        assert re.search('<h2 id="fields-of', page), kind


@pytest.mark.parametrize("role", ROLES)
def test_a_role_gets_to_its_page_from_the_front_page_and_to_its_answers_from_there(site, role):
    assert f'href="roles/{role}.html"' in text(site, "index.html")
    answers = re.findall(
        r"<tr>\s*<td>(.*?)</td>\s*<td>(.*?)</td>", text(site, f"roles/{role}.html"), re.DOTALL
    )
    assert len(answers) >= 10
    assert [question for question, answer in answers if 'href="../' not in answer] == []


def test_examples_are_valid_messages():
    whole = document()
    checks = FormatChecker()
    for kind, message in examples().items():
        schema = {"$ref": f"#/components/messages/{kind}/payload", **whole}
        found = Draft202012Validator(schema, format_checker=checks).iter_errors(message)
        assert [f"{fault.json_path}: {fault.message}" for fault in found] == [], kind
    assert examples().keys() == whole["channels"].keys()


def test_an_example_with_a_field_that_is_wrong_would_be_found():
    message = json.loads(json.dumps(examples()["request.failed.v1"]))
    message["data"]["code"] = "no_such_code"
    schema = {"$ref": "#/components/messages/request.failed.v1/payload", **document()}
    assert not Draft202012Validator(schema).is_valid(message)


@pytest.mark.parametrize("link", ["gone.md", "#gone", "README.md#gone", "site://messages/gone.md"])
def test_a_link_that_leads_nowhere_is_refused(link):
    pages = [
        SitePage("index.md", f"# A title\n\n[words]({link})\n", "README.md"),
        SitePage("messages/index.md", "# Messages\n"),
    ]
    with pytest.raises(BrokenLinkError):
        SiteLinks(pages).of_site(pages[0])


def test_links_of_the_repository_become_those_of_the_site():
    said = "[a](deploy/README.md#b) [c](pyproject.toml) [d](https://a.example/) `[e](f.md)` [g](site://messages/index.md)\n"
    pages = [
        SitePage("index.md", f"# One\n\n{said}", "README.md"),
        SitePage("operate/index.md", "# Two\n", "deploy/README.md"),
        SitePage("operate/b.md", "# B\n", "deploy/README.md"),
        SitePage("messages/index.md", "# Messages\n"),
    ]
    links = SiteLinks(pages)
    made = links.of_site(pages[0]).splitlines()[2]
    assert made == (
        "[a](operate/b.md#b) [c](files/pyproject.toml.md) [d](https://a.example/) `[e](f.md)` [g](messages/index.md)"
    )
    assert [path for path, _ in links.code_pages()] == ["files/pyproject.toml.md"]


def test_what_is_wrong_in_a_built_page_is_found(tmp_path):
    put(tmp_path / "b.html", '<h1 id="there">B</h1>')
    put(
        tmp_path / "a.html",
        '<a href="b.html#there">1</a><a href="b.html#gone">2</a><a href="gone.html">3</a>'
        '<script src="https://elsewhere.example/x.js"></script><img src="gone.png">',
    )
    put(
        tmp_path / "a.css",
        "@import 'https://elsewhere.example/x.css'; p { background: url(//elsewhere.example/y) }",
    )
    assert [fault.partition(": ")[2] for fault in faults(tmp_path)] == [
        "b.html#gone: the page has no such place",
        "gone.html leads nowhere",
        "https://elsewhere.example/x.js comes from elsewhere",
        "gone.png is not there",
        "https://elsewhere.example/x.css comes from elsewhere",
        "//elsewhere.example/y comes from elsewhere",
    ]


def test_the_repositorys_markdown_becomes_the_builders():
    page = "Words:\n- one\n- two\n<!-- said: by a test -->\n| A |\n|---|\n| `a\\|b` |\n\n1. First:\n   - inside\n   more\n\n```\n- left\n```\n"
    assert for_builder(page) == (
        "Words:\n\n- one\n- two\n\n| A |\n|---|\n| `a|b` |\n\n1. First:\n    - inside\n    more\n\n```\n- left\n```\n"
    )


def test_tables_scroll_by_themselves():
    assert (
        finished("<table><tr></tr></table>")
        == '<div class="scrolls"><table class="wide"><tr></tr></table></div>'
    )


def test_each_page_begins_with_its_title():
    assert [page.path for page in all_pages() if not page.text.startswith("# ")] == []


def test_a_warning_of_the_builder_is_an_error(tmp_path):
    put(tmp_path / "source" / "index.md", "# Title\n\n[words](gone.md)\n")
    with pytest.raises(BuildError, match=r"gone\.md"):
        run_builder(tmp_path / "source", tmp_path / "built", [{"Start": "index.md"}])
