"""Allergies and intolerances, active and ended, and statements that none is known."""
