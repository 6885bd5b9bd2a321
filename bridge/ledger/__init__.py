"""The ledger: what was asked, what was sent and answered, and how it ended; durable before it is said."""
