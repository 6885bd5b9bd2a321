"""What a field of an event means: the same wherever it stands."""

from typing import Final

FIELDS: Final[dict[str, str]] = {
    # bound to every line about a request
    "request_key": "which request: its `source` and `id`, as `bridge ledger show` takes it",
    "correlation_id": "joins all lines, messages and events about one matter",
    "pipeline": "which pipeline has the request",
    "attempt": "which try of the message this is, from 1",
    "otel_trace_id": "the OpenTelemetry trace that the request belongs to, as in `traceparent`",
    "otel_span_id": "the span at hand in that trace",
    # how a try ended
    "outcome": "how the request stands: `completed`, `failed`, `rejected`, `in_doubt`, `retrying` or `dead` "
    "(its message lies among the dead letters; where its sender was at fault that is `rejected`)",
    "ended": "how the request stands in the ledger: `completed`, `failed`, `rejected` or `in_doubt`; absent "
    "where this try did not end it",
    "operation": "what is asked for: a routing key, such as `record.requested.v1`; absent when unknown",
    "age_s": "seconds from the request's own time, where it has one, until its events are published",
    "areas": "`area:outcome:items` of each area of the record",
    "unmapped": "`area:reason:count` of what was received and is not among the items",
    "code": "the code of the failure, as in `request.failed`",
    "stage": "where it failed: `request`, `pds`, `sds`, `spine`, `provider`, `mapping`, `engine`, `delivery` "
    "(to the HL7 v2 peer); "
    "of `stage_ended` what took the time: `map`, `ledger`, `publish`",
    "detail": "more about it: codes, and words of ours",
    "reason": "why, as a code",
    "faults": "which fields of the message are at fault, and by which rule",
    "events": "how many events",
    "retry_in_s": "seconds until it is tried again",
    "duration_ms": "how long it took, in milliseconds",
    "body_sha256": "hash of an answer that cannot be used, as the vault has it",
    "deliveries": "how often the broker handed over this try",
    "error": "the type of the error; its text may hold anything and is not told",
    "at": "where in the code, innermost last",
    "rendering": "which form of the answer, as settings and requests name it; `events` are those themselves",
    "event_kind": "which event, such as `request.failed.v1`",
    # side effects
    "kind": "which side effect, such as `book_appointment`",
    "is_done": "whether it was done; false: it may have been",
    "verdict": "what the practice's diary says: `done` or `not_done`",
    # calls
    "upstream": "`pds`, `sds`, `ssp` (the Spine Secure Proxy), `practice`, or `mllp` (the HL7 v2 peer)",
    "interaction": "what was asked",
    "practice_ods": "ODS code of the practice",
    "result": "`answered`, or how the call failed, such as `read_timeout`",
    "status": "of HTTP",
    "bytes": "of the body of the answer",
    "trace_id": "the id of this one call that both sides log, such as `Ssp-TraceID`, or MSH-10; "
    "that of the whole trace is `otel_trace_id`",
    "circuit": "`open`: nothing is sent; `half_open`: one call tries; `closed`: calls pass",
    "failures": "failed calls in a row, each for another request",
    "in_flight": "calls that wait for an answer",
    "held_back": "calls that were not made since the start",
    "signature": "what the malware scanner found, as it names it",
    "secret": "which secret or certificate",
    "tables": "of the ledger's database",
    "problems": "what is wrong with it: names of settings and rules",
    # bus
    "broker": "`rabbitmq`, `nats`, or as a bus of another package calls its own",
    "queue": "name of the work queue",
    "stream": "name of the stream (NATS)",
    "seen": "by what it shows that messages are lost: `numbers_given_again` or `never_handed_over`",
    "topic": "routing key or subject of a message",
    "exchange": "name of the exchange (RabbitMQ)",
    "tries": "how often it was tried so far",
    "node": "host and port of a node of a cluster",
    "cause": "why, as a code, such as `login_refused`",
    "waiting_helps": "whether it may pass by itself",
    "times": "how often, this time included",
    "messages": "how many messages",
    "spans": "how many spans of traces",
    "port": "TCP port",
    "exit_code": "of a process that ended",
    # ledger
    "worker": "id of the worker, new at each start",
    "left_running": "requests in hand of workers that are gone",
    "request_keys": "the oldest of them",
    "open_intents": "side effects of which it is not written down how they ended",
    "unpublished": "requests that have ended and owe events",
    "task": "who needs it: a `request`, or a chore of the worker",
    "heads": "`chain:sequence:hash` of the last entry of each chain",
    "file": "which key ring",
    "current": "id of the key that seals what is new",
    # process
    "pipelines": "names of pipelines; `all` for every one",
    "settings": "names of settings",
    "connections": "how many are open",
    "consumer": "name of the consumer, as in its line of the consumers' file",
    "size": "bytes",
    "job": "id of the job",
    "state": "`done`, `paused` or `stopped`",
    "total": "how many the job is over",
    "marked": "how many of them are dealt with",
    "source": "where figures are read from: `bus` or `ledger`",
    "chore": "what a worker does now and then: `sightings`, `asks`, `quality`",
    "recorder": "what failed to listen",
    # HL7 v2
    "answer": "what was said to an HL7 v2 message (MSA-1): `AA`, `AE` or `AR`",
    "trigger": "which message asks for a record, such as `ADT^A01`; absent where it is none of the site's",
    # console
    "user": "who is signed in, as their provider or the users' file names them",
    "roles": "what they are to the console: `viewer`, `clinical`, `operator`, `auditor`",
    "method": "how somebody signs in: `oidc` or `password`",
    "page": "which page of the console",
    "missing": "what the console cannot ask: `ledger` or `bus`",
}

BOUND: Final = ("pipeline", "attempt", "correlation_id", "request_key")
"""The fields that every line about a request has, whatever event it tells."""
TRACED: Final = ("otel_trace_id", "otel_span_id")
"""What they have as well where the request belongs to a trace of OpenTelemetry."""
