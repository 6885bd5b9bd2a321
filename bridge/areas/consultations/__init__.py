"""Consultations: what was recorded on one occasion, under topics and headings in the order it was written."""
