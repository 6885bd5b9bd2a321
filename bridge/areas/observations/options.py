"""What may be asked of observations."""

from bridge.areas.period import PeriodOptions


class ObservationOptions(PeriodOptions):
    """What is wanted of observations: those of a period by their clinical date, or all.

    What has no clinical date is sent whatever the period is (digest §1.3).
    """
