"""``bridge map`` and ``bridge check``: what the engine makes of a bundle, without any server."""

from pathlib import Path
from typing import Annotated

import typer

Files = Annotated[
    list[Path],
    typer.Argument(help="Bundle files; - reads standard input.", allow_dash=True, metavar="FILE..."),
]


def map_(
    files: Files,
    areas: Annotated[
        str | None,
        typer.Option(help="Take these alone to have been asked for: names with commas between."),
    ] = None,
) -> None:
    """Map bundles to GpRecord JSON on standard output.

    One file gives readable JSON, several give one line each. Medications and allergies, ended ones included,
    are taken to have been asked for, and every area whose main list is in the bundle. What came along with
    those is marked `linked_only`. A file that is not a Bundle gives one line on standard error and exit code
    2.
    """
    from bridge.cli import map as mapping

    mapping.map_(files, areas=areas)


def check(
    files: Files,
    as_lines: Annotated[  # noqa: FBT002
        bool, typer.Option("--lines", help="One line a deviation: file, resource, path, rule; by tabs.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a deviation.")] = False,  # noqa: FBT002
) -> None:
    """Tell how bundles deviate from base FHIR STU3, by rule with counts: what to send to a supplier.

    Looks at types, required elements and codes, how values are written, and invariants. Values are never
    printed. Exit code 1 when there is any deviation.
    """
    from bridge.cli import check

    check.check(files, as_lines=as_lines, as_json=as_json)
