"""Access Record HTML at a practice of the sandbox."""
