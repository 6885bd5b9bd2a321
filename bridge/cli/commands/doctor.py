"""``bridge doctor``: everything that a request depends on, tried once, before a request does."""


def doctor() -> None:
    """Check settings, certificates, disk, bus, ledger, PDS, SDS; one line each. Exit code 1 when one fails.

    No patient is asked about and nothing is published.
    """
    from bridge.cli import doctor

    doctor.doctor()
