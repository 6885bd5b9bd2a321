"""Bodies in parts of a month on PostgreSQL, so that pruning drops a part and deletes no rows.

A body of an event is known by when its request ended (those that are there: long ago), one of an answer or a
document by when its time is over. Bodies of answers get a table of their own; those that are there stay where
they are until they are over.

A table that is small is parted here. To part a large one takes as long as reading it, and workers wait
meanwhile: ``bridge ledger upgrade`` does that.
"""

import sqlalchemy as sa
from alembic import op

from bridge.ledger.storage.metadata import Instant

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_LONG_AGO = "2000-01-01 00:00:00.000000"
_FEW = 10_000

# With two roles the worker's owns no table: what follows lets it add parts to these three tables and drop
# them, as it may insert and delete, and nothing else. SCHEMA is put in below.
# Each that changes event_bodies, whose rows point at requests, takes requests first, as a worker that ends a
# request does: the other way round they would wait for each other.
_FUNCTIONS = (
    """CREATE FUNCTION ledger_partition_key(whole name) RETURNS name IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE whole WHEN 'event_bodies' THEN 'ended_at' WHEN 'answer_bodies' THEN 'expires_at'
        WHEN 'claim_parts' THEN 'expires_at' END::name $$""",
    """CREATE FUNCTION ledger_month_after(moment timestamptz) RETURNS timestamptz STABLE LANGUAGE sql AS $$
    SELECT (date_trunc('month', moment AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC' $$""",
    # A table like the whole one. Its primary key is its own: the whole table's would have to hold the time.
    """CREATE FUNCTION ledger_partition_table(whole name, part name) RETURNS void LANGUAGE plpgsql
    SET search_path = SCHEMA, pg_temp AS $$ BEGIN
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS)', part, whole);
        IF whole = 'event_bodies' THEN
            EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (request_id, event_id)', part);
        ELSIF whole = 'claim_parts' THEN
            EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (id)', part);
        END IF;
    END $$""",
    """CREATE FUNCTION ledger_add_partition(whole name, lower timestamptz, upper timestamptz) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = SCHEMA, pg_temp AS $$
    DECLARE
        key name := ledger_partition_key(whole);
        part name := whole || to_char(lower AT TIME ZONE 'UTC', '_YYYYMMDD');
    BEGIN
        IF key IS NULL OR NOT has_table_privilege(session_user, quote_ident(whole), 'INSERT') THEN
            RAISE insufficient_privilege;
        END IF;
        PERFORM ledger_partition_table(whole, part);
        IF whole = 'event_bodies' THEN
            LOCK TABLE requests IN SHARE ROW EXCLUSIVE MODE;
        END IF;
        -- What came before its part was there lies with the rest; more may come until this transaction ends.
        EXECUTE format('LOCK TABLE %I IN SHARE ROW EXCLUSIVE MODE', whole || '_rest');
        EXECUTE format('WITH moved AS (DELETE FROM %I WHERE %I >= $1 AND %I < $2 RETURNING *)'
            ' INSERT INTO %I SELECT * FROM moved', whole || '_rest', key, key, part) USING lower, upper;
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            whole, part, lower, upper);
    END $$""",
    # Bodies of requests that owe events, or of which nobody knows what was done, are kept with the rest.
    """CREATE FUNCTION ledger_drop_partition(whole name, part name) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = SCHEMA, pg_temp AS $$ BEGIN
        IF ledger_partition_key(whole) IS NULL OR part = whole || '_rest' OR NOT EXISTS (
            SELECT FROM pg_inherits
            WHERE inhparent = to_regclass(quote_ident(whole)) AND inhrelid = to_regclass(quote_ident(part))
        ) OR NOT has_table_privilege(session_user, quote_ident(whole), 'DELETE') THEN
            RAISE insufficient_privilege;
        END IF;
        IF whole = 'event_bodies' THEN
            LOCK TABLE requests IN ACCESS EXCLUSIVE MODE;
        END IF;
        EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', whole, part);
        IF whole = 'event_bodies' THEN
            EXECUTE format('INSERT INTO event_bodies SELECT * FROM %I WHERE request_id IN ('
                'SELECT request_id FROM events WHERE published_at IS NULL UNION SELECT id FROM requests'
                ' WHERE state = %L AND coalesce(code, %L) <> %L)', part, 'in_doubt', '', 'found_out');
        END IF;
        EXECUTE format('DROP TABLE %I', part);
    END $$""",
    # The table that is there becomes the first part, without a row being moved; it is read once for that.
    """CREATE FUNCTION ledger_partition(whole name) RETURNS void
    LANGUAGE plpgsql SET search_path = SCHEMA, pg_temp AS $$
    DECLARE
        key name := ledger_partition_key(whole);
        first name := whole || '_first';
        boundary timestamptz;
        granted record;
    BEGIN
        IF whole = 'event_bodies' THEN
            LOCK TABLE requests IN SHARE ROW EXCLUSIVE MODE;
        END IF;
        EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', whole);
        EXECUTE format('SELECT ledger_month_after(greatest(max(%I), now() + interval ''1 day'')) FROM %I',
            key, whole) INTO boundary;
        EXECUTE format('ALTER TABLE %I RENAME TO %I', whole, first);
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS) PARTITION BY RANGE (%I)',
            whole, first, key);
        IF whole = 'event_bodies' THEN
            ALTER TABLE event_bodies ADD CONSTRAINT fk_event_bodies_request_id_requests
                FOREIGN KEY (request_id) REFERENCES requests (id) ON DELETE CASCADE;
        ELSE
            ALTER INDEX ix_claim_parts_expires_at RENAME TO ix_claim_parts_first_expires_at;
            ALTER INDEX ix_claim_parts_claim RENAME TO ix_claim_parts_first_claim;
            CREATE INDEX ix_claim_parts_expires_at ON claim_parts (expires_at);
            CREATE UNIQUE INDEX ix_claim_parts_claim ON claim_parts (claim_id, number, expires_at);
            ALTER SEQUENCE claim_parts_id_seq OWNED BY claim_parts.id;
        END IF;
        FOR granted IN SELECT grantee, privilege_type FROM pg_class, aclexplode(relacl)
            WHERE oid = to_regclass(quote_ident(first)) AND grantee <> relowner
        LOOP
            EXECUTE format('GRANT %s ON %I TO %s', granted.privilege_type, whole,
                CASE granted.grantee WHEN 0 THEN 'PUBLIC' ELSE granted.grantee::regrole::text END);
        END LOOP;
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)',
            whole, first, boundary);
        PERFORM ledger_partition_table(whole, whole || '_rest');
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I DEFAULT', whole, whole || '_rest');
        PERFORM ledger_add_partition(whole, boundary, ledger_month_after(boundary));
    END $$""",
)


def upgrade() -> None:
    """Add the column and the table; on PostgreSQL, part what is small."""
    connection = op.get_bind()
    is_parted = connection.dialect.name == "postgresql"
    if is_parted:  # a worker of the version before may be at work
        op.execute("LOCK TABLE requests IN SHARE ROW EXCLUSIVE MODE")
    op.add_column(
        "event_bodies",
        sa.Column("ended_at", Instant, nullable=False, server_default=sa.text(f"'{_LONG_AGO}'")),
    )
    op.drop_index("ix_claim_parts_claim", "claim_parts")
    op.create_index("ix_claim_parts_claim", "claim_parts", ["claim_id", "number", "expires_at"], unique=True)
    op.create_table(
        "answer_bodies",
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        postgresql_partition_by="RANGE (expires_at)",
    )
    for column in ("sha256", "expires_at"):
        op.create_index(f"ix_answer_bodies_{column}", "answer_bodies", [column])
    if is_parted:
        _part(connection)


def _part(connection: sa.Connection) -> None:
    schema = connection.dialect.identifier_preparer.quote(
        str(connection.scalar(sa.select(sa.func.current_schema())))
    )
    for function in _FUNCTIONS:
        connection.exec_driver_sql(function.replace("SCHEMA", schema))
    for statement in (
        "SELECT ledger_partition_table('answer_bodies', 'answer_bodies_rest')",
        "ALTER TABLE answer_bodies ATTACH PARTITION answer_bodies_rest DEFAULT",
    ):
        connection.exec_driver_sql(statement)
    few = "SELECT count(*) FROM (SELECT FROM requests LIMIT $1) AS counted"
    if connection.exec_driver_sql(few, (_FEW,)).scalar_one() < _FEW:
        for table in ("event_bodies", "claim_parts"):
            connection.exec_driver_sql(f"SELECT ledger_partition('{table}')")
