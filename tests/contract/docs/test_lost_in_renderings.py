"""The page of what renderings leave out says what they declare; ``LOSSES=write`` writes it anew."""

import os
import re
from pathlib import Path

from bridge.renderings.table import RENDERINGS

PAGE = Path(__file__).parents[3] / "bridge/renderings/LOSSES.md"
TABLES = re.compile(r"(?<=<!-- losses -->\n).*(?=<!-- end of losses -->)", re.DOTALL)


def tables() -> str:
    """A table for each rendering, in the order of its declaration."""
    sections = []
    for spec in RENDERINGS.values():
        rows = [f"| `{loss.path}` | {loss.why} |" for loss in spec.losses]
        body = ["| Field | Why |", "|---|---|", *rows] if rows else ["Nothing."]
        topics = ", ".join(f"`{topic}`" for topic in spec.topics)
        sections.append("\n".join([f"## {spec.name}", "", f"On {topics}.", "", *body, ""]))
    return "\n" + "\n".join(sections) + "\n"


def test_the_page_says_what_the_renderings_declare():
    text = PAGE.read_text(encoding="utf-8")
    if os.environ.get("LOSSES") == "write":
        text = TABLES.sub(lambda _: tables(), text)
        PAGE.write_text(text, encoding="utf-8")
    found = TABLES.search(text)
    assert found is not None
    assert found[0] == tables(), "make it true with LOSSES=write"


def test_every_loss_has_a_reason_of_its_own_words():
    losses = [loss for spec in RENDERINGS.values() for loss in spec.losses]
    assert losses
    assert [loss.path for loss in losses if len(loss.why.split()) < 3 or not loss.why.endswith(".")] == []
