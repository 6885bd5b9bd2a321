"""Observations: whatever a practice recorded as a code and that is of no other area (uncategorised data)."""
