"""Medications and medical devices: courses, their plans and their issues."""
