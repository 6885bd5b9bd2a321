"""``bridge keys``: the key rings that seal patient data and chain the audit trail; tokens of consumers."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="keys", help="Make and rotate key rings.")

_File = Annotated[Path, typer.Argument(metavar="FILE", help="Of the ring, e.g. BRIDGE_VAULT_KEYS_FILE.")]
_LastOption = Annotated[
    bool,
    typer.Option(
        "--last", help="As the last one: give it to every machine first, then move its line to the top."
    ),
]


@app.command()
def new(file: _File) -> None:
    """Make a ring with one random key, readable by its owner only; prints the id of the key.

    Refused when the file exists: a ring that is lost takes with it all that it sealed.
    """
    from bridge.ledger.keys import create_ring

    typer.echo(create_ring(file))


@app.command()
def add(file: _File, last: _LastOption = False) -> None:  # noqa: FBT002
    """Put a new random key into a ring, as the current one; prints its id. The old keys still open."""
    from bridge.ledger.keys import add_key

    typer.echo(add_key(file, current=not last))


@app.command()
def adopt(
    reason: Annotated[str, typer.Option(help="Why the ledger gets other keys: no secret.")],
    actor: Annotated[str | None, typer.Option(help="Who does this; else the OS user's name.")] = None,
) -> None:
    """Let the ledger be kept with other keys from now on: those of the next worker that starts.

    For a key that was lost, or a new BRIDGE_PATIENT_KEY. What the old keys sealed stays closed without them.
    """
    from bridge.cli import keys

    keys.adopt(reason, actor)


@app.command()
def consumer(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Lower-case letters, digits, dots and hyphens.")
    ],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="BRIDGE_CLAIMS_CONSUMERS_FILE.")],
) -> None:
    """Let a consumer fetch the data of large events: prints its new token, and stores only the hash of it."""
    from bridge.engine.http.consumers import add_consumer

    typer.echo(add_consumer(file, name))
