"""What a span may say of itself: names and meanings of attributes.

Names are those of OpenTelemetry's semantic conventions (messaging, HTTP client, errors) where they have one;
the engine's own begin with `bridge.` and go on as the field of the log is called. Values are numbers and
codes; none of a patient.
"""

from typing import Final, Literal, TypeAlias

AttributeName: TypeAlias = Literal[
    "messaging.system",
    "messaging.destination.name",
    "messaging.operation.type",
    "messaging.operation.name",
    "messaging.message.id",
    "messaging.message.conversation_id",
    "messaging.message.body.size",
    "http.request.method",
    "http.response.status_code",
    "http.response.body.size",
    "server.address",
    "server.port",
    "error.type",
    "bridge.request_key",
    "bridge.pipeline",
    "bridge.attempt",
    "bridge.deliveries",
    "bridge.outcome",
    "bridge.code",
    "bridge.stage",
    "bridge.reason",
    "bridge.events",
    "bridge.upstream",
    "bridge.interaction",
    "bridge.practice_ods",
    "bridge.result",
    "bridge.trace_id",
]

ATTRIBUTES: Final[dict[AttributeName, str]] = {
    "messaging.system": "`rabbitmq`, `nats`, or as another bus names its broker; `unnamed` if it does not",
    "messaging.destination.name": "the work queue, or the topic of an event",
    "messaging.operation.type": "`process`, or `send`",
    "messaging.operation.name": "`process`, or `publish`",
    "messaging.message.id": "id of the request, or of the event",
    "messaging.message.conversation_id": "`correlation_id` of the log",
    "messaging.message.body.size": "bytes",
    "http.request.method": "`GET`, `POST` or `PUT`",
    "http.response.status_code": "of the answer; absent without one",
    "http.response.body.size": "bytes, decoded",
    "server.address": "host that was called: of a practice, the proxy's",
    "server.port": "its port",
    "error.type": "why it came to nothing: a code of the engine, a status of HTTP, or the type of an error",
    "bridge.request_key": "`request_key` of the log, as `bridge ledger show` takes it",
    "bridge.pipeline": "which pipeline has the request",
    "bridge.attempt": "which try this is, from 1",
    "bridge.deliveries": "how often the broker handed over this try",
    "bridge.outcome": "`completed`, `failed`, `rejected`, `in_doubt`, `retrying` or `dead`",
    "bridge.code": "the code of the failure, as in `request.failed`",
    "bridge.stage": "where it failed",
    "bridge.reason": "why, as a code",
    "bridge.events": "how many events",
    "bridge.upstream": "`pds`, `sds`, `ssp` or `practice`",
    "bridge.interaction": "what was asked",
    "bridge.practice_ods": "ODS code of the practice",
    "bridge.result": "`answered`, or how the call failed",
    "bridge.trace_id": "`trace_id` of the log: the id of this one call that both sides log",
}
