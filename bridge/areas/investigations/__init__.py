"""Investigations: the reports of laboratories, what was found, in which specimens, and how it was filed."""
