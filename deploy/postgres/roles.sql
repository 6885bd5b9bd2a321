-- Two roles for the ledger, so that no worker can change a table's shape. Run once, as a superuser, in a new database:
--
--   psql --dbname=ledger --variable=owner="'SECRET'" --variable=worker="'ANOTHER'" --file=roles.sql
--
-- `bridge ledger upgrade` runs as bridge_owner (BRIDGE_LEDGER_URL of that one command), everything else as bridge.
CREATE ROLE bridge_owner LOGIN PASSWORD :owner;
CREATE ROLE bridge LOGIN PASSWORD :worker;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO bridge_owner;
GRANT USAGE ON SCHEMA public TO bridge;

-- Of every table that the owner makes from now on, those of later versions too. No TRUNCATE, and no ownership.
ALTER DEFAULT PRIVILEGES FOR ROLE bridge_owner IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO bridge;
ALTER DEFAULT PRIVILEGES FOR ROLE bridge_owner IN SCHEMA public GRANT USAGE ON SEQUENCES TO bridge;
