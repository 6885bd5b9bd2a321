"""What is wrong with a message."""


class MessageFault(ValueError):  # noqa: N818 - what the message has
    """A message that cannot be written or read.

    Never the value: it may be of a patient, and this goes into logs and answers.

    Attributes:
        place: the field, ``AL1-3``; or the segment alone, ``MSH``.
        rule: which it breaks, in words that follow the place: ``is longer than 15 characters``.
    """

    def __init__(self, place: str, rule: str) -> None:
        super().__init__(f"{place} {rule}")
        self.place = place
        self.rule = rule


class FieldTooLong(MessageFault):
    """A field over its length. It is never cut."""

    def __init__(self, place: str, longest: int) -> None:
        super().__init__(place, f"is longer than {longest} characters")
