"""Tables and lines for a terminal of any width: cells are folded, and nothing is cut off."""

from collections.abc import Collection, Iterable, Sequence

from rich.table import Table


def titled(title: str, headings: Iterable[str], *, whole: Collection[str] = ()) -> Table:
    """A table under its title.

    Args:
        title: stands above it.
        headings: of its columns.
        whole: the headings of columns whose words are codes and dates, which nobody can read in two parts:
            they keep their width, and the others share what is left.
    """
    table = Table(title=f"\n{title}", title_justify="left", show_edge=False)
    for heading in headings:
        table.add_column(heading, no_wrap=heading in whole, overflow="fold")
    return table


def aligned(rows: Iterable[Sequence[str]], *, widths: Sequence[int]) -> Table:
    """Rows without lines: the last cell of a row is folded below itself.

    Args:
        rows: each with a cell more than there are `widths`.
        widths: of all columns but the last.
    """
    table = Table.grid(padding=(0, 2))
    table.add_column(width=0)
    for width in widths:
        table.add_column(width=width, overflow="fold")
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row("", *row)
    return table
