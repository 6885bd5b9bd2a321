"""What may be asked of investigations."""

from bridge.areas.period import PeriodOptions


class InvestigationOptions(PeriodOptions):
    """What is wanted of investigations: those issued in a period; all unless it is said."""
