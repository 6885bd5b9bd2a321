"""Immunisations: what was given, and what was intended and not given."""
