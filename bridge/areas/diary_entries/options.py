"""What may be asked of diary entries."""

from datetime import date

from bridge.contracts.requests import Model


class DiaryOptions(Model):
    """What is wanted of diary entries."""

    until: date | None = None
    """Only what is planned for this day or earlier, and what is overdue. It must not be in the past: that is
    checked before anything is sent, and not when the request is read, which may happen again later."""
