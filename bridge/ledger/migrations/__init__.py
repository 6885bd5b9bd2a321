"""The ledger's schema, version by version; `bridge.ledger.storage.schema` runs it, no command line does."""
