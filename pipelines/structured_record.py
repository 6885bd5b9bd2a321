"""A structured record: a request on the bus becomes medications and allergies on the bus."""

from bridge.pipelines import Context, Event, RecordRequest, pipeline
from bridge.pipelines.events import (
    ALLERGIES_PUBLISHED,
    MEDICATIONS_PUBLISHED,
    RECORD_COMPLETED,
    AllergiesPublished,
    MedicationsPublished,
    RecordCompleted,
    allergies_published,
    medications_published,
    record_completed,
)


@pipeline(
    name="structured_record",
    accepts="record.requested.v1",
    request=RecordRequest,
    publishes={
        MEDICATIONS_PUBLISHED: MedicationsPublished,
        ALLERGIES_PUBLISHED: AllergiesPublished,
        RECORD_COMPLETED: RecordCompleted,
    },
)
async def structured_record(request: RecordRequest, gp: Context) -> list[Event]:
    """Trace the patient, ask their practice, map what it says, and publish each area that was asked for.

    Whoever reads one topic alone still learns how complete it is; whoever needs all parts waits for
    ``record.completed``, which is published last.
    """
    patient = await gp.trace(practice_ods_code=request.practice_ods_code)
    answer = await gp.structured_record(patient, request.areas)
    record = gp.map(answer, patient, request.areas)

    parts = []
    if request.areas.medications:
        parts.append(medications_published(record, request.areas.medications))
    if request.areas.allergies:
        parts.append(allergies_published(record))
    return [*parts, record_completed(record, parts, request_id=gp.request_key)]
