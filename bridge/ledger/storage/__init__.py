"""What the ledger keeps, and how: tables, the steps of a request's life, SQLite and PostgreSQL."""
