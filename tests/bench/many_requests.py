"""A ledger on PostgreSQL that remembers many requests: one every eight seconds up to now, written by the server."""

import json
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg  # type: ignore[import-untyped]  # ships no types

from bridge.ledger.audit.chain import CHAINS, FIRST_PREVIOUS, entries, entry_mac, sealed_head
from bridge.ledger.keys import KeyRing

EVERY: Final = timedelta(seconds=8)
"""So the last twelve hours hold as many requests in a ledger of any size: 5,400."""
AUDITED: Final = 10
"""One request of so many has its entry in the trail, and bodies of its events."""

# Of a hundred one took over five minutes, one and a third of those with two tries over half a minute, the others
# with two tries over five seconds.
# One of twenty ended without success, by one of five causes at one of fifty practices; the last forty are
# open; twenty are in doubt, and the last twenty that ended owe an event, in a ledger of any size.
_REQUESTS: Final = """
INSERT INTO requests (
    id, request_key, own_id, correlation_id, pipeline, operation, body_sha256, patient_key, practice_ods,
    received_at, asked_at, started_at, ended_at, state, code, stage, upstream, detail, dead_letter,
    starts, waits, worker, lease_until, wait_until)
SELECT n, '/ward r-' || n, 'r-' || n, 'c-' || n,
    CASE WHEN n % 5 = 0 THEN 'care_record' ELSE 'structured_record' END,
    CASE WHEN n % 5 = 0 THEN 'care_record.requested.v1' ELSE 'record.requested.v1' END,
    repeat('ab', 32), md5((n / 10)::text), 'A' || 10000 + n * 7 % 50,
    received, received, received, CASE WHEN NOT is_open THEN received + took * interval '1 ms' END,
    state,
    CASE WHEN state IN ('failed', 'in_doubt', 'waiting')
        THEN (ARRAY['provider_timeout', 'provider_error', 'patient_not_found', 'access_denied'])[1 + n / 20 % 4] END,
    CASE WHEN state <> 'completed' THEN 'provider' END,
    CASE WHEN state IN ('failed', 'in_doubt') THEN 'practice' END,
    CASE WHEN state = 'failed' THEN 'http=' || 500 + n / 20 % 4
        WHEN state = 'rejected' THEN 'data.purpose: is missing' END,
    CASE WHEN state = 'failed' AND n % 160 = 0 THEN 'internal' END,
    1, CASE WHEN n % 40 = 0 THEN 1 ELSE 0 END, 'worker', CASE WHEN state = 'in_flight' THEN $2::timestamptz + interval '1 hour' END,
    CASE WHEN state IN ('waiting', 'in_doubt') THEN $2::timestamptz + interval '1 hour' END
FROM (
    SELECT n, $2::timestamptz - ($1 - n) * $3::interval AS received, $1 - n < 40 AS is_open,
        CASE WHEN $1 - n < 20 THEN 'in_flight' WHEN $1 - n < 40 THEN 'waiting'
            WHEN $1 - n < 8000 AND ($1 - n) % 400 = 60 THEN 'in_doubt'
            WHEN n % 100 = 0 THEN 'rejected' WHEN n % 20 = 0 THEN 'failed' ELSE 'completed' END AS state,
        CASE WHEN n % 100 = 9 THEN 400000 WHEN n % 100 = 1 OR n % 120 = 0 THEN 45000 WHEN n % 40 = 0 THEN 7000
            ELSE 900 END AS took
    FROM generate_series(1, $1::bigint) AS n
) AS each
"""
_REST: Final = (
    """INSERT INTO events (request_id, event_id, start, number, topic, content_type, size, published_at)
    SELECT id, 'e-' || id, 1, 0, 'request.completed.v1', 'application/json', 400,
        CASE WHEN $1 - id >= 60 THEN ended_at END FROM requests WHERE ended_at IS NOT NULL""",
    f"""INSERT INTO event_bodies (request_id, event_id, sealed) SELECT request_id, event_id, '\\x00'
    FROM events WHERE request_id % {AUDITED} = 1 AND request_id <= $1""",
    "INSERT INTO messages (request_id, sealed) SELECT id, '\\x00' FROM requests WHERE state = 'failed' AND id <= $1",
    # What they were like: five codes in each of three areas, of fifty practices on each day.
    """INSERT INTO quality_days (day, practice_ods, supplier_ods, area, kind, code, count, records, example)
    SELECT to_char(ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), practice_ods, 'YGM0' || substr(practice_ods, 6, 1),
        area, kind, kind || '_' || number, count(*), count(*), ''
    FROM requests, unnest(ARRAY['medications', 'allergies', 'problems']) AS area,
        unnest(ARRAY['issue', 'outcome']) AS kind, generate_series(1, 5) AS number
    WHERE state = 'completed' AND id <= $1 GROUP BY 1, 2, 3, 4, 5, 6""",
    """INSERT INTO workers_seen (worker, started_at, seen_at) SELECT 'w-' || n, now(), now()
    FROM generate_series(1, least($1, 4)) AS n""",
    """INSERT INTO upstreams_seen (worker, upstream, place, circuit, in_flight)
    SELECT worker, 'practice', practice_ods, 'closed', 0 FROM workers_seen,
        (SELECT DISTINCT practice_ods FROM requests WHERE id <= $1) AS practices""",
    "SELECT setval(pg_get_serial_sequence('requests', 'id'), $1)",
)


async def remember(url: str, ring: KeyRing, count: int) -> datetime:
    """Fill a ledger whose trail has begun; when the last request came."""
    now = datetime.now(UTC)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_REQUESTS, count, now, EVERY)
        for statement in _REST:
            await connection.execute(statement, count)
        await _audit(connection, ring)
        await connection.execute("VACUUM ANALYZE")  # as autovacuum does in time
    finally:
        await connection.close()
    return now


async def _audit(connection: asyncpg.Connection, ring: KeyRing) -> None:
    ended = await connection.fetch(
        f"SELECT id, request_key, state, ended_at FROM requests WHERE id % {AUDITED} = 1 AND ended_at IS NOT NULL"
    )
    chains = CHAINS["postgresql"]
    sequences, previous = [0] * chains, [FIRST_PREVIOUS] * chains
    columns = [str(column.name) for column in entries.c]
    rows = []
    for number, request in enumerate(ended):
        chain = number % chains
        sequences[chain] += 1
        row = dict.fromkeys(columns) | {
            "lane": chain,
            "sequence": sequences[chain],
            "id": f"{request['id']:032x}",
            "recorded_at": request["ended_at"],
            "event": "record.requested",
            "outcome": request["state"],
            "request_key": request["request_key"],
            "details": json.dumps({"facts": {}}),
            "key_id": ring.current,
            "previous": previous[chain],
        }
        row["mac"] = previous[chain] = entry_mac(ring, row)
        rows.append(tuple(row[name] for name in columns))
    await connection.copy_records_to_table("audit_entries", records=rows, columns=columns)
    for chain, sequence in enumerate(sequences):
        head = sealed_head(ring, chain, sequence, previous[chain])
        await connection.execute(
            "UPDATE audit_heads SET sequence = $2, mac = $3, key_id = $4, seal = $5 WHERE lane = $1",
            *(head[name] for name in ("lane", "sequence", "mac", "key_id", "seal")),
        )
