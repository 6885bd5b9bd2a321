"""What may be asked of allergies."""

from bridge.contracts.requests import Model


class AllergyOptions(Model):
    """What is wanted of allergies and intolerances."""

    include_ended: bool = True
    """Ended ones too. Without them nothing says that there were none of either kind (CS-092)."""
