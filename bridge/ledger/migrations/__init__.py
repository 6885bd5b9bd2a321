"""The ledger's schema, version by version; `bridge.ledger.schema` runs it, no command line does."""
