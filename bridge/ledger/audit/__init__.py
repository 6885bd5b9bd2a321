"""The audit trail: its entries, the chain they are sealed in, and whether it is whole."""
