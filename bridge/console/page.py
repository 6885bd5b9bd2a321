"""What a page of the console is: where it is, who may open it, and what answers."""

from collections.abc import Awaitable, Callable
from typing import Literal

from starlette.responses import Response

from bridge.console.asked import PageRequest
from bridge.console.rights import Right
from bridge.values import dataclass


@dataclass(frozen=True, slots=True)
class ConsolePage:
    """One page, or one thing that is done.

    Attributes:
        path: its address.
        right: without it nobody gets an answer (`bridge.console.rights`).
        answer: makes the answer.
        method: ``GET`` shows and changes nothing; ``POST`` does something, or shows what must leave no trace
            in an address, and comes with the token of a form.
        title: in the navigation; None: it is led to from elsewhere.
    """

    path: str
    right: Right
    answer: Callable[[PageRequest], Awaitable[Response]]
    method: Literal["GET", "POST"] = "GET"
    title: str | None = None
