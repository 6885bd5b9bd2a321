"""Diary entries: what a practice plans to do and has not completed."""
