"""The care record as the practice renders it: sections of HTML, made safe to show, for a person to read."""

from bridge.pipelines import Context, Event, Partial, pipeline
from bridge.pipelines.events import (
    CARE_RECORD_COMPLETED,
    CARE_RECORD_SECTION,
    CareRecordCompleted,
    care_record_completed,
    section_published,
)
from bridge.pipelines.records import CareRecordSection
from bridge.pipelines.requests import CareRecordRequest


@pipeline(
    name="care_record",
    accepts="care_record.requested.v1",
    request=CareRecordRequest,
    publishes={CARE_RECORD_SECTION: CareRecordSection, CARE_RECORD_COMPLETED: CareRecordCompleted},
)
async def care_record(request: CareRecordRequest, gp: Context) -> list[Event]:
    """Trace the patient, ask their practice for each section, and publish those that can be shown.

    ``care_record.completed`` comes last and says which came, which did not, and why. What may come later is
    asked for again first, while there are tries; what came already is not asked for a second time.
    """
    patient = await gp.trace(practice_ods_code=request.practice_ods_code)
    record = await gp.care_record(patient, request)

    events = [section_published(section) for section in record.sections]
    events.append(care_record_completed(record.sections, record.not_shown, request_id=gp.request_key))
    if record.missing:
        raise Partial(record.missing, events)
    return events
