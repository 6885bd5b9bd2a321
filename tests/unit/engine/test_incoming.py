import orjson
import pytest

from bridge.areas.requests import RecordRequest
from bridge.bus import control_headers
from bridge.bus.port import Delivery, Done
from bridge.contracts.envelope import EventStyle
from bridge.contracts.events import request_rejected
from bridge.engine.incoming import read_incoming
from bridge.engine.patient_keys import PatientKeys
from bridge.engine.rendering import Renderer
from bridge.pipelines import Pipeline
from bridge.renderings.table import RENDERINGS
from tests.support.requests import PATIENT, cloud_event, record_request

RECORDS = Pipeline("records")
RENDERER = Renderer(EventStyle("uk.nhs", "/bridge"), RENDERINGS)


@RECORDS.operation(accepts="record.requested.v1", request=RecordRequest, publishes={})
async def answer(_request, _context):
    return []


def read(**attributes):
    body = orjson.dumps(cloud_event(record_request(), **attributes))
    delivery = Delivery(
        body, id="m-1", key="record.requested.v1", headers={control_headers.NOT_BEFORE: "1796000003.000"}
    )
    return read_incoming(delivery, pipeline=RECORDS, keys=PatientKeys("key"))


@pytest.mark.duty("JO-033")
@pytest.mark.parametrize("attribute", ["id", "source", "correlationid", "traceparent", "subject"])
@pytest.mark.parametrize(
    "text", [PATIENT, "999-000-0018", "00-4bf92f3577b34da69990000018ab0e47-00f067aa0ba902b7-01"]
)
def test_a_number_outside_the_body_is_refused_and_goes_nowhere(attribute, text):
    incoming = read(**{attribute: text})

    assert incoming.rejection is not None
    event = RENDERER.closing(incoming, request_rejected(incoming.rejection), Done())
    kept = f"{incoming.opening}{incoming.request_id}{incoming.correlation_id}{event}".replace("-", "")
    assert PATIENT not in kept


def test_headers_of_our_own_are_no_numbers():
    assert read().rejection is None
