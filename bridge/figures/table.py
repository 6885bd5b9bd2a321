"""Every figure: its name, what tells its series apart, and what it answers.

Names are public: within a major version they only gain. Each begins with `PREFIX` and is in base units. No
label holds or narrows down to a patient, and the values of each are bounded (`bridge.figures.labels`).
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

PREFIX: Final = "bridge_"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

BUCKETS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Seconds. A practice must answer in 3 s; a try of a request is cut off after 120 s."""
AGE_BUCKETS: Final = (*BUCKETS, 1800.0, 3600.0, 14400.0, 86400.0)
STAGE_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, *BUCKETS[:-2])

Kind = Literal["counter", "histogram", "gauge"]


class Figure(NamedTuple):
    """One figure.

    Attributes:
        kind: as Prometheus calls it. A counter and a histogram count what this worker did since its start; a
            gauge is looked up when it is asked for.
        labels: what tells its series apart. `practice` is there only with `BRIDGE_METRICS_BY_PRACTICE`.
        says: what it answers, for an operator; its help text.
    """

    kind: Kind
    labels: tuple[str, ...]
    says: str


FIGURES: Final[Mapping[str, Figure]] = {
    "requests_total": Figure(
        "counter",
        ("pipeline", "operation", "outcome", "code"),
        "Requests that ended: completed, failed, rejected or in_doubt. "
        "One in doubt is counted again when the doubt ends.",
    ),
    "request_duration_seconds": Figure(
        "histogram",
        ("pipeline", "operation"),
        "From the delivery of a request to its end, in the try that ended it.",
    ),
    "request_age_seconds": Figure(
        "histogram",
        ("pipeline",),
        "From the time that a request says it was made to its last event: what a user waits.",
    ),
    "stage_duration_seconds": Figure(
        "histogram",
        ("stage",),
        "Where the time goes: pds, sds, ssp (practice, where there is no proxy), map, ledger, publish.",
    ),
    "upstream_calls_total": Figure(
        "counter",
        ("upstream", "interaction", "outcome"),
        "Calls: answered, http_4xx, http_5xx, or how they failed, such as read_timeout.",
    ),
    "retries_total": Figure(
        "counter",
        ("pipeline", "reason"),
        "Tries that did not end their request, and why it waits for the next.",
    ),
    "dead_letters_total": Figure(
        "counter", ("pipeline", "reason"), "Messages that were put among the dead letters."
    ),
    "record_items_total": Figure("counter", ("area",), "Items of records, by clinical area."),
    "record_unmapped_total": Figure(
        "counter", ("area", "reason"), "What practices sent that is not among the items of a record."
    ),
    "record_area_outcomes_total": Figure(
        "counter",
        ("area", "outcome"),
        "How areas of records were answered, such as items or nothing_recorded.",
    ),
    "spans_lost_total": Figure(
        "counter",
        ("reason",),
        "Spans of traces that no collector has: it refused them (collector), or they were more than may wait "
        "for it (queue_full).",
    ),
    "taken_one_by_one_total": Figure(
        "counter",
        (),
        "How often messages came to be taken one by one, because connections ended soon after they came "
        "(RabbitMQ).",
    ),
    "stored_messages_lost_total": Figure(
        "counter",
        ("stream",),
        "Messages that are gone from a stream and nobody took, at least; each worker that sees it counts it "
        "(NATS).",
    ),
    "in_flight": Figure("gauge", ("pipeline",), "Requests that a worker has now, by the ledger."),
    "waiting": Figure(
        "gauge",
        ("pipeline",),
        "Messages that nobody has now: in the work queue, or in a delay queue until their next try.",
    ),
    "dead": Figure("gauge", ("pipeline",), "Messages among the dead letters."),
    "oldest_waiting_seconds": Figure(
        "gauge",
        ("pipeline",),
        "Since when the oldest request that was taken up has not ended; 0 when there is none. "
        "What no worker took up yet is in waiting alone.",
    ),
    "requests_in_doubt": Figure(
        "gauge", (), "Requests of which nobody knows whether a booking, or another change, was done."
    ),
    "oldest_doubt_seconds": Figure(
        "gauge", (), "Since when the oldest of them was received; 0 when there is none."
    ),
    "events_owed": Figure("gauge", (), "Events of ended requests that the broker does not hold yet."),
    "oldest_event_owed_seconds": Figure(
        "gauge", (), "Since when the oldest request that owes one has ended; 0 when there is none."
    ),
    "circuit_open": Figure(
        "gauge",
        ("upstream", "practice"),
        "National services, or practices, that this worker does not call, or tries one call at a time.",
    ),
    "certificate_expiry_timestamp_seconds": Figure(
        "gauge", ("certificate",), "Until when a certificate or revocation list can be used, by its setting."
    ),
    "clock_skew_seconds": Figure("gauge", (), "How far our clock is ahead of the national services'."),
    "consumers_expected": Figure("gauge", (), "Queues that this worker takes from."),
    "consumers_present": Figure("gauge", (), "How many of them somebody takes from, as the broker counts."),
    "ledger_up": Figure("gauge", (), "Whether the ledger can be read."),
    "bus_up": Figure("gauge", (), "Whether the broker answers."),
    "retries_stopped": Figure(
        "gauge", (), "Whether the kill switch stops retries of any pipeline of this worker."
    ),
    "audit_ok": Figure(
        "gauge", (), "Whether the audit trail is as it was left; without it nothing is asked of anybody."
    ),
    "build_info": Figure("gauge", ("version",), "Always 1: the version that runs."),
}
