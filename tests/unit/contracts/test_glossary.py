"""What the glossary sends readers to is there."""

import pytest

from bridge.areas import MedicationCourse
from bridge.contracts.glossary import meaning_of


@pytest.mark.parametrize(
    ("type_name", "field"), [("GpRecord", "medications"), ("MedicationsPublished", "items")]
)
def test_what_the_patient_is_on_now_is_answered_by_the_state_of_the_course(type_name, field):
    meaning = meaning_of(type_name, field) or ""
    assert "`course_state`" in meaning
    assert "is on now" in meaning
    assert "course_state" in MedicationCourse.__annotations__
