"""The part of ``bridge demo --console`` that lets somebody look: the console, over what the demo left."""

import asyncio
import secrets
import signal
from pathlib import Path
from typing import Final

from rich.console import Console

from bridge.console.rights import Role
from bridge.console.serving import console as console_of
from bridge.console.sign_in.users import put_user
from bridge.settings import Settings

_USER: Final = "demo"


async def show_console(console: Console, settings: Settings, folder: Path) -> None:
    """Serve the console until Ctrl-C or SIGTERM, for a user who is made up for this demo.

    Args:
        console: where the address, the name and the password are printed.
        settings: of the demo.
        folder: for the file of users; it goes with the demo.
    """
    users, password = folder / "console-users", secrets.token_urlsafe(12)
    put_user(users, _USER, list(Role), password, given_name="Dana", family_name="Demo")
    own = settings.console.model_copy(update={"users_file": users, "oidc_issuer": None, "url": None})
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    async with console_of(settings.model_copy(update={"console": own})) as url:
        console.print(f"\nThe console: {url}  name: {_USER}  password: {password}  (Ctrl-C ends it)")
        await stopping.wait()
