"""Registers the profile `long` before the option that names it is read."""

from tests.fuzz import effort

__all__ = ["effort"]
