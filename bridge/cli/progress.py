"""How far long work is, as a bar on a terminal; where nobody looks, nothing is printed of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def progress_bar(
    what: str, *, total: int | None = None, done: int = 0, console: Console | None = None
) -> Iterator[Callable[[int, int | None], None]]:
    """A bar for as long as the block runs; it is told how much is done, and of how much where that is known.

    Args:
        what: is done.
        total: where it is known from the start.
        done: of it, at the start.
        console: where it is drawn: standard error. On no terminal it is not.
    """
    console = console or Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(what, total=total, completed=done)
        yield lambda now, of: progress.update(bar, completed=now, total=of)
