"""``bridge console``: served until it is stopped; its own users."""

import asyncio
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import typer

from bridge.errors import Misconfigured
from bridge.heap import keep_large_blocks_apart
from bridge.observe import configure_logging
from bridge.settings import Settings

_NEEDED: Final = ("argon2", "authlib", "itsdangerous", "jinja2", "python_multipart")


def serve() -> None:
    """Serve the console until SIGTERM or SIGINT."""
    demand_extra()
    from bridge.console.serving import check, run_console  # noqa: PLC0415 - of an extra

    settings = Settings.load(check=check)
    configure_logging(settings.log.level, settings.log.format)
    keep_large_blocks_apart()
    asyncio.run(run_console(settings))


def add_user(
    name: str, roles: Sequence[str], file: Path | None, person: tuple[str | None, str | None]
) -> None:
    """Add a user to the file, or change one; `person`: given name and family name."""
    demand_extra()
    from bridge.console.rights import Role  # noqa: PLC0415 - of an extra
    from bridge.console.sign_in.users import put_user  # noqa: PLC0415 - of an extra

    unknown = [role for role in roles if role not in set(Role)]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]} is none of {', '.join(Role)}", param_hint="--role")
    given, family = person
    put_user(
        _file(file), name, [Role(role) for role in roles], _password(), given_name=given, family_name=family
    )
    typer.echo(f"{name} may sign in as {', '.join(roles)}")


def remove_user(name: str, file: Path | None) -> None:
    """Take a user out of the file."""
    demand_extra()
    from bridge.console.sign_in.users import remove_user as remove  # noqa: PLC0415 - of an extra

    remove(_file(file), name)
    typer.echo(f"{name} is signed out, and may not sign in")


def list_users(file: Path | None) -> None:
    """Print the users and their roles."""
    demand_extra()
    from bridge.console.sign_in.users import read_users  # noqa: PLC0415 - of an extra

    for name, roles in read_users(_file(file)).items():
        typer.echo(f"{name}  {', '.join(sorted(roles))}")


def demand_extra() -> None:
    """Whether the packages of the console are installed.

    Raises:
        Misconfigured: they are not; the text says what to install.
    """
    if any(find_spec(name) is None for name in _NEEDED):
        raise Misconfigured("the console needs the extra: pip install 'gpconnect-bridge[console]'")


def _file(given: Path | None) -> Path:
    file = given or Settings.load().console.users_file
    if file is None:
        raise Misconfigured("BRIDGE_CONSOLE_USERS_FILE: is required, or --file")
    return file


def _password() -> str:
    if sys.stdin.isatty():
        asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return asked
    return sys.stdin.readline().rstrip("\n")
