"""A bar is drawn where somebody looks, and nowhere else."""

import io

from rich.console import Console

from bridge.cli.progress import progress_bar


def drawn(*, is_terminal: bool, total: int | None = None) -> str:
    console = Console(file=io.StringIO(), force_terminal=is_terminal, width=80)
    with progress_bar("entries checked", total=total, console=console) as progress:
        progress(500, 2000)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_on_a_terminal_it_says_what_and_how_far():
    assert "entries checked" in drawn(is_terminal=True)
    assert "500/2000" in drawn(is_terminal=True, total=2000)


def test_in_a_script_nothing_is_printed():
    assert drawn(is_terminal=False) == ""
