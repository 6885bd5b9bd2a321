"""A whole record as one FHIR R4 Bundle."""
