"""What may be asked of immunisations."""

from bridge.contracts.requests import Model


class ImmunisationOptions(Model):
    """What is wanted of immunisations.

    They are never filtered by type (CS-099): a practice cannot, and which of them a reader needs is the
    reader's to decide.
    """

    include_not_given: bool = True
    """Those that were intended and not given, too. Left unsaid beside consultations or problems, where it may
    not be asked, the practice sends none."""
    include_statuses: bool = True
    """Consent, dissent, invitations and the like, too; they are among the observations of the record."""
