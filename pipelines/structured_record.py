"""A structured record: a request on the bus becomes an event of each clinical area on the bus."""

from bridge.pipelines import Context, Event, RecordRequest, pipeline
from bridge.pipelines.events import areas_published, record_completed, record_events


@pipeline(
    name="structured_record",
    accepts="record.requested.v1",
    request=RecordRequest,
    publishes=record_events(),
)
async def structured_record(request: RecordRequest, gp: Context) -> list[Event]:
    """Trace the patient, ask their practice, map what it says, and publish each area that was asked for.

    Whoever reads one topic alone still learns how complete it is; whoever needs all parts waits for
    ``record.completed``, which is published last.
    """
    gp.check_areas(request.areas)  # what cannot be asked is refused before anything is sent
    patient = await gp.trace(practice_ods_code=request.practice_ods_code)
    answer = await gp.structured_record(patient, request.areas)
    record = gp.map(answer, patient, request.areas)
    parts = areas_published(record, request.areas)
    return [*parts, record_completed(record, parts, request_id=gp.request_key)]
