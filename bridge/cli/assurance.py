"""``bridge assurance``: the parts of the pack that need nothing but the installed product."""

from importlib.util import find_spec
from pathlib import Path

import typer

from bridge.errors import Misconfigured


def assurance(folder: Path) -> None:
    """Write them, and say where."""
    if find_spec("jinja2") is None or find_spec("markdown_it") is None:
        raise Misconfigured("the assurance pack needs the extra: pip install 'gpconnect-bridge[console]'")
    from bridge.assurance import product_facts, write_pack  # noqa: PLC0415 - of an extra
    from bridge.assurance.product import PARTS  # noqa: PLC0415 - of an extra

    write_pack(folder, product_facts(), PARTS)
    typer.echo(folder / "index.html")
