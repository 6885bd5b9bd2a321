"""``bridge console``: the pages for operators, and the users of its own."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="console", help="Serve the console for operators in a browser.")
user = typer.Typer(name="user", help="Users of the console's own, in a file.")
app.add_typer(user)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Lower-case letters, digits, dots and hyphens.")]
_FileOption = Annotated[
    Path | None, typer.Option("--file", help="Of the users; else BRIDGE_CONSOLE_USERS_FILE.")
]


@app.callback(invoke_without_command=True)
def serve(context: typer.Context) -> None:
    """Serve the console until SIGTERM: on loopback unless BRIDGE_CONSOLE_HOST says otherwise."""
    if context.invoked_subcommand is None:
        from bridge.cli import console

        console.serve()


@user.command("add")
def add(
    name: _Name,
    role: Annotated[list[str], typer.Option(help="viewer, clinical, operator or auditor; may be repeated.")],
    given_name: Annotated[
        str | None, typer.Option(help="Of the person: practices are told who asks.")
    ] = None,
    family_name: Annotated[str | None, typer.Option(help="Likewise.")] = None,
    file: _FileOption = None,
) -> None:
    """Add a user, or give one other roles and another password (asked for, or read from standard input)."""
    from bridge.cli import console

    console.add_user(name, role, file, (given_name, family_name))


@user.command("remove")
def remove(name: _Name, file: _FileOption = None) -> None:
    """Take a user away: they are signed out."""
    from bridge.cli import console

    console.remove_user(name, file)


@user.command("list")
def list_(file: _FileOption = None) -> None:
    """Print the users and their roles."""
    from bridge.cli import console

    console.list_users(file)
