"""What may be asked of medications."""

from bridge.contracts.requests import Model, PastDate


class MedicationOptions(Model):
    """What is wanted of medications and medical devices."""

    search_from: PastDate | None = None
    """Only medications active on or after this day; absent means the whole record."""
    include_issues: bool = True
    """Every issue of each medication (CS-026: always stated to the practice)."""
