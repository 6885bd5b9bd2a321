"""Bundle to record: one module per clinical area; pure, no I/O, and nothing raises."""
