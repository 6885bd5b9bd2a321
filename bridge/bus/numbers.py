"""Numbers that go to a broker: of which type, and in which range.

A broker that is told a number of another type, or one out of range, answers by closing the connection, which
looks like a broker that is away: the worker would try again for ever.
"""

from collections.abc import Mapping

from bridge.errors import Misconfigured


def whole(name: str, value: object, *, most: int) -> int:
    """`value`, which must be a whole number from 1 to `most`.

    Raises:
        Misconfigured: it is not.
    """
    if type(value) is not int or not 1 <= value <= most:
        raise Misconfigured(f"{name}: must be a whole number from 1 to {most}")
    return value


def one_of_url(query: Mapping[str, str], name: str, *, most: int) -> None:
    """Check a number among the parameters of the bus's URL, where it is given.

    Raises:
        Misconfigured: it is none, or out of range.
    """
    text = query.get(name)
    if text is not None:
        digits = text.isascii() and text.isdecimal()
        whole(f"BRIDGE_BUS_URL: {name}", int(text) if digits else text, most=most)
