from bridge.contracts.requests import Model


class ImmunisationOptions(Model):
    """What is wanted of immunisations."""

    include_not_given: bool = True
    """Those that were not given too."""
