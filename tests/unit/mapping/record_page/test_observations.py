"""Observations on the page: with the words that may invert them, and all that qualifies a value."""

from typing import Any

import pytest

from tests.support import bundles as b
from tests.support.record_pages import alerts, section, seen
from tests.support.whole_record import observation
from tests.unit.mapping.record_page.test_planned_given_held import page_of
from tests.unit.mapping.test_observation import APPROXIMATE, HALVES, LIST


def page(*sent: Any) -> str:
    listed = b.record_list(LIST, *(f"Observation/{each['id']}" for each in sent))
    return section(page_of(listed, *sent, areas={"observations": {}}), "observations")


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"comment": "No evidence of"}, "No evidence of"),
        ({"valueQuantity": {"value": 5, "comparator": "<", "unit": "g"}}, "< 5 g"),
        (
            {"valueQuantity": {"value": 5, "extension": [{"url": APPROXIMATE, "valueBoolean": True}]}},
            "about 5",
        ),
        ({"comment": "Value: 7 kg"}, "7 kg (read from the comment)"),
        (
            {"comment": "Reference range: 1 - 2\nInterpretation Code: High"},
            "Usual: 1 to 2; 1 - 2 (read from the comment)",
        ),
        ({"valueCodeableConcept": {"text": "Seen"}}, "Seen"),
        ({"valueBoolean": False}, "no"),
        ({"valueDateTime": "2021-03-04"}, "04-Mar-2021"),
        ({"valuePeriod": {"start": "2021-03-04"}}, "from 04-Mar-2021 to not known"),
        ({"valueRange": {"high": {"value": 2, "unit": "g"}}}, "from open to 2 g"),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}}, "1 : 128"),
        ({"valueAttachment": {"title": "<b>"}}, 'Attachment: {"title":"<b>"}'),
        ({"dataAbsentReason": {"text": "not done"}}, "No value: not done"),
        ({"component": HALVES}, "Systolic: 120 mm[Hg]"),
        ({"bodySite": {"text": "left arm"}}, "Site: left arm"),
        ({"status": "entered-in-error"}, "State as sent: entered-in-error"),
        ({"effectiveDateTime": None, "issued": None}, "no date sent"),
        ({}, "no value sent"),
    ],
)
def test_it_says_what_was_sent_and_what_was_not(sent: Any, words: str) -> None:
    assert words in seen(page(observation("o1", **sent)))


def test_an_empty_list_of_observations_does_not_say_that_there_were_none() -> None:
    assert any("Nobody stated that there is none." in each for each in alerts(page()))
