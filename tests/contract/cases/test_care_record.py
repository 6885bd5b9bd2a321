"""Sections of the care record that once came out wrong, and what is right."""

import json
from pathlib import Path

import pytest

from tests.support.care_records import mapped

CASES = Path(__file__).parents[4] / "shared" / "cases"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not here")


def test_a_struck_out_row_is_struck_out():
    section = mapped(json.loads((CASES / "html-struck-out-row.json").read_text()), "MED")
    (part,) = section["subsections"]
    (table,) = part["tables"]
    assert table["rows"] == [
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
    assert "<del>Warfarin 5mg tablets</del>" in section["html"]
    assert section["state"] == "content"
    assert not section["may_say_none"]
