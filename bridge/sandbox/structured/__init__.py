"""The structured record at a practice of the sandbox."""
