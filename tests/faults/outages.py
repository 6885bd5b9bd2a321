"""What each outage does, in words; the fault tests see to it that they are true (`tests/faults/matrix.py`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

BOTH: Final = ("RabbitMQ", "NATS")


@dataclass(frozen=True, slots=True)
class Outage:
    """A row of the matrix. What stands in backquotes is seen in the run, unless it is a setting.

    Attributes:
        fault: what breaks.
        users: what those who asked see.
        alone: what recovers without anybody.
        operator: what is left to do.
        on: what it is proven on.
    """

    fault: str
    users: str
    alone: str
    operator: str
    on: tuple[str, ...] = BOTH


OUTAGES: Final[Mapping[str, Outage]] = {
    "worker_killed": Outage(
        "A worker is killed",
        "Answers to what it had in hand come later by `BRIDGE_LEDGER_LEASE_SECONDS`, 20 s; when its whole machine is "
        "gone by up to 45 s, because the broker must miss it first",
        "The broker hands its requests to another worker, which waits until the dead one's lease is over, "
        "because it may live",
        "Start a worker, if nothing else does",
    ),
    "link_cut": Outage(
        "The connection to the broker is cut, again and again",
        "Answers come later",
        "The worker connects again; work that runs goes on, and a redelivery joins it",
        "Nothing",
    ),
    "broker_restarted": Outage(
        "The broker is restarted",
        "Answers come later by the time it is away; a sender cannot publish meanwhile, and must try again",
        "The worker connects again, finishes what it has in hand, and works on what was queued",
        "Nothing",
    ),
    "link_slow": Outage(
        "The link to the broker is slow",
        "Answers come later",
        "Nothing is taken for broken: no request is delivered a second time",
        "Nothing, or more bandwidth",
    ),
    "link_half_open": Outage(
        "The link to the broker swallows everything and closes nothing (a firewall that forgot it)",
        "Answers come later by the heartbeats that must be missed first, 30 s to 45 s",
        "Missing heartbeats end the link; a new one is made. Work that runs goes on, and a redelivery joins it",
        "Nothing",
    ),
    "queue_deleted": Outage(
        "Somebody deletes the work queue",
        "What stood in it unread is gone with it, as its sender alone can know; what was in hand is answered. Until the "
        "queue is there again a sender is told that nobody takes its request, if it asks to be told (RabbitMQ: mandatory publishing)",
        "Within 15 s the worker declares it again (`queue_declared_again`) and goes on; if it cannot, it exits with 4",
        "Find out who deletes queues; let senders send again what they have no answer to",
    ),
    "parked_by_broker": Outage(
        "RabbitMQ parks a request by itself: its connection was lost twenty times, or its sender's time to live is over",
        "The answer comes later; what expired is rejected, and never done afterwards",
        "Within a minute or so a worker finds it among the dead letters: it goes back to work (`letter_taken_up_again`), "
        "or its request is ended and told of; its letter then says why",
        "Nothing, unless it lasts: look why connections break",
        on=("RabbitMQ",),
    ),
    "events_full": Outage(
        "The EPR's queue is full",
        "Answers come when there is room again; some twice, with the same event id",
        "The workers wait (`publish_retrying`) and lose nothing; they take on no more than they have in hand",
        "Let the EPR read, or raise the limit of its queue",
    ),
    "requests_full": Outage(
        "The work queue is full",
        "The sender's publish is refused; the sender publishes again",
        "Room comes as the workers take requests",
        "More workers, or a higher limit",
    ),
    "events_unroutable": Outage(
        "No queue is bound to the events",
        "No answer until it is bound",
        "Nothing is dropped: the outcome is in the ledger, the request among the dead letters (`unroutable`)",
        "Bind the queue, then `bridge dead replay`: what is owed is published, the practice is not asked again",
        on=("RabbitMQ",),
    ),
    "practice_late": Outage(
        "A practice answers after the time-out",
        "The answer comes later; when every try was late, the request fails with `provider_timeout`",
        "The call is given up and made again (`retry_due`), at most three times; an answer that comes too late is not read",
        "Nothing if rare; the practice's supplier if it is one practice",
    ),
    "answer_dropped": Outage(
        "A practice does the work and its answer is lost",
        "The answer comes later",
        "A read is made again (`retry_due`)",
        "Nothing",
    ),
    "booking_lost": Outage(
        "A practice books, amends, cancels or registers, and its answer is lost or comes too late",
        "The answer comes later by `BRIDGE_RETRY_SETTLE_AFTER`, 60 s",
        "Nothing is sent again blindly: the practice is asked what it did (`effect_settled`), "
        "and only what was not done is done",
        "Nothing",
    ),
    "booking_in_doubt": Outage(
        "The same, and the practice cannot be asked either",
        "`appointment.in_doubt` when all tries are over; the true outcome when the practice can be asked",
        "The request is checked again and again until it is known (`doubt_ended`)",
        "`bridge ledger show` tells what was sent (`request_in_doubt`); when it lasts, telephone the practice",
    ),
    "practice_away": Outage(
        "A practice is away",
        "Requests about its patients fail with `provider_error`; all others are answered",
        "After five failures it is not called for a while (`circuit_changed`), then tried one call at a time",
        "The practice's supplier, when it lasts",
    ),
    "service_away": Outage(
        "PDS, SDS or the proxy is away",
        "Answers come later; when it lasts, requests fail with `spine_error`",
        "Requests are tried again (`retry_due`)",
        "Follow the service's status page",
    ),
    "ledger_gone": Outage(
        "The ledger is gone for ten seconds: its server is stopped, or another process locks the file",
        "Answers come later by the time it is gone",
        "Requests go to a delay queue (`ledger_unavailable`) and come back; nothing is published that is not written down",
        "Bring the database back",
        on=("SQLite", "PostgreSQL"),
    ),
    "disk_full": Outage(
        "The ledger's disk is full",
        "Answers come when there is room",
        "As above; the log says `SQLITE_FULL`",
        "Make room on the disk",
    ),
    "event_too_large": Outage(
        "A record is larger than the broker takes",
        "The request fails with `configuration` and the detail `event_too_large`",
        "Nothing: trying again would not help",
        "Raise max_payload of the NATS server; RabbitMQ takes far more",
        on=("NATS",),
    ),
    "same_request_twice": Outage(
        "Several workers get the same request at once: a sender repeats it, or the broker does",
        "One answer; its events again, with the same ids, for whoever sent it again",
        "One worker asks, the others wait for its outcome (`running_elsewhere`)",
        "Nothing",
    ),
    "certificate_expired": Outage(
        "The client certificate expires while requests are in flight",
        "Answers come later; when it is not replaced in time, requests fail with `spine_error`",
        "Calls whose connection stands end well; the others are tried again (`retry_due`). "
        "The new file is in use a second after it is there (`reloaded`)",
        "Replace the files; until then `/readyz` names the certificates",
    ),
    "worker_frozen": Outage(
        "A worker stands still between writing a booking down and sending it: it is stopped, or its machine is suspended",
        "`appointment.refused` with the reason `not_done`, or the booking that another worker makes",
        "It looks at the clocks once more before the first byte, and sends nothing (`lease_lost`). What was done too late all "
        "the same is published: in doubt, then what is so",
        "Find out what stopped it",
    ),
    "audit_broken": Outage(
        "The audit trail is broken: somebody wrote to its tables, or took a key out of its ring",
        "No answer until it is resumed",
        "Nothing is asked of anybody that could not be recorded (`audit_broken`): requests wait and come again; "
        "`/readyz` names `audit`, and `bridge doctor` says so",
        "`bridge audit verify` says where; find out who; then `bridge audit resume --reason`. It stays found",
    ),
    "idle_connections": Outage(
        "Somebody opens more connections to a worker's health and claims ports than a process may have files, and says nothing",
        "Nothing",
        "A port has a hundred connections at most, and no more than an eighth of the files, so that work keeps what it "
        "needs; the one that was opened first makes room (`port_full`), and one that asks nothing is closed after ten "
        "seconds. `/readyz` and claims go on being answered",
        "Find out who opens them; let only the platform and the consumers reach the ports",
    ),
    "no_descriptors": Outage(
        "A worker has as many files open as it may",
        "Answers come later, by ten seconds or more",
        "A call that needs a new connection is not made (`no_descriptors`), counts against nobody else, and is tried again, "
        "eight times at most; its ports accept again within a second of there being files",
        "Let the process have more files: a worker raises its own limit as far as the service manager, or the container, allows",
    ),
    "mllp_sender_killed": Outage(
        "The sender of HL7 v2 messages is killed, again and again",
        "Messages come later by `BRIDGE_LEDGER_LEASE_SECONDS`; one that was not acknowledged, or whose acknowledgement was "
        "not written down yet, comes once more with the same MSH-10",
        "The next sender begins with what was left, before what came later: the messages of a patient arrive in order",
        "Start a sender, if nothing else does",
    ),
    "mllp_peer_away": Outage(
        "The hospital's interface engine (the HL7 v2 peer) is away",
        "Messages come later, in order, each at least once and with the same MSH-10",
        "The sender holds what it has in hand (`peer_lost`), the rest waits in its queue, and it connects again until it can "
        "(`peer_back`)",
        "Bring the peer back; the doctor says how a connection to it fails",
    ),
    "cluster_node_killed": Outage(
        "In a cluster of three, the node that a worker is connected to is killed",
        "Answers come later, by the longest pause that is told here",
        "Another node is connected to at once, and what the worker had in "
        "hand goes on; the others lead on what it led",
        "Bring the node back",
    ),
    "cluster_leader_killed": Outage(
        "In a cluster of three, the node that leads the work queue is killed",
        "As above",
        "The two others choose a new leader; what was handed over and not acknowledged comes again, and joins the work that runs",
        "Bring the node back",
    ),
    "cluster_minority": Outage(
        "Two nodes of three are killed",
        "No answer until one of them is back; a sender cannot publish meanwhile, and must try again",
        "The worker says that it waits (`publish_retrying`), tries every address again and again, and loses nothing",
        "Bring one of them back",
    ),
    "cluster_partition": Outage(
        "In a cluster of three, the node that a worker is connected to is cut off from the two others, and comes back",
        "Answers come later, by the longest pause that is told here",
        "RabbitMQ: the node that is alone closes its connections (pause_minority), the worker goes to "
        "another one. NATS: the server that is alone confirms nothing, and is left after 15 s or so (server_left in the log)",
        "Mend the network",
    ),
    "cluster_rolling": Outage(
        "Each node of three is restarted, one after the other",
        "Answers come later, by the longest pause that is told here",
        "As when one is killed, three times",
        "Wait for each node to be there, and its queues to be in step, before the next (rabbitmq-upgrade await_online_quorum_plus_one)",
    ),
    "cluster_order": Outage(
        "In a cluster of three, the leader of a queue that is delivered in order moves, and then its node is killed",
        "HL7 v2 messages come later; those of a patient in order, each once",
        "The sender that has the turn connects again and goes on; what it had in hand joins the work that runs, and "
        "another sender that takes the turn waits for it",
        "Bring the node back",
    ),
    "database_failover": Outage(
        "The database's primary is killed, and its standby promoted two seconds later",
        "Answers come later, by the longest pause that is told here",
        "Requests go to a delay queue meanwhile; the server that takes writes is found by itself",
        "Make a new standby; keep the old primary from coming back as one",
        on=("PostgreSQL",),
    ),
    "database_silent": Outage(
        "The database's primary says nothing any more, and closes nothing, and its standby is promoted",
        "As above",
        "A connection that says nothing for 15 s is given up (`ledger_unavailable`), and its request comes again",
        "As above",
        on=("PostgreSQL",),
    ),
    "clock_set": Outage(
        "A worker's clock is set, by more than a minute, while it works",
        "Nothing, once it is right again; while it is wrong, practices may refuse its tokens",
        "Leases and pauses that the wrong clock wrote down are not believed",
        "Synchronise the clocks: readiness names a clock that is wrong",
    ),
}
