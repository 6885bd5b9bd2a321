"""What may be asked of the care record."""

from datetime import date

import pytest
from pydantic import ValidationError

from bridge.contracts.care_record import CareRecordRequest, DatedSection, Sections
from bridge.record.sections import SECTIONS
from tests.support.requests import record_request


def request(**sections):
    data = record_request()
    del data["areas"]
    return CareRecordRequest.model_validate(data | {"sections": sections})


def faults(**sections):
    with pytest.raises(ValidationError) as failed:
        request(**sections)
    return [".".join(map(str, error["loc"])) for error in failed.value.errors()]


@pytest.mark.duty("HT-008", "HT-011")
def test_sections_come_in_the_mandated_order_however_they_were_asked_for():
    assert tuple(Sections.model_fields) == tuple(SECTIONS)
    codes = [code for code, _ in request(**{code: {} for code in reversed(list(SECTIONS))}).sections.wanted()]
    assert codes == ["SUM", "ENC", "CLI", "PRB", "ALL", "MED", "REF", "OBS", "IMM", "ADM"]


@pytest.mark.duty("HT-009")
@pytest.mark.parametrize("code", SECTIONS)
def test_a_period_can_be_said_only_where_there_may_be_one(code):
    asked = {code: {"period": {"start": "2024-01-01", "end": "2030-01-01"}}}
    if SECTIONS[code].takes_period:
        ((_, period),) = request(**asked).sections.wanted()
        assert period is not None
        assert (period.start, period.end) == (date(2024, 1, 1), date(2030, 1, 1))
    else:
        assert faults(**asked) == [f"sections.{code}.period"]


@pytest.mark.parametrize(
    ("sections", "where"),
    [
        ({}, "sections"),
        ({"EMERGENCY": {}}, "sections.EMERGENCY"),
        ({"sum": {}}, "sections.sum"),
        ({"ENC": {"period": {}}}, "sections.ENC.period"),
        ({"ENC": {"period": {"start": "2024-02-01", "end": "2024-01-01"}}}, "sections.ENC.period"),
        ({"ENC": {"period": {"start": "2024-02-31"}}}, "sections.ENC.period.start"),
        ({"ENC": {"period": {"from": "2024-02-01"}}}, "sections.ENC.period.from"),
    ],
)
def test_what_the_practice_would_refuse_is_refused_here(sections, where):
    assert where in faults(**sections)


@pytest.mark.duty("HT-013")
def test_it_is_for_direct_care_only():
    data = record_request(purpose="research")
    del data["areas"]
    with pytest.raises(ValidationError, match="purpose"):
        CareRecordRequest.model_validate(data | {"sections": {"SUM": {}}})


def test_a_section_without_a_period_is_wanted_whole():
    assert DatedSection().period is None
