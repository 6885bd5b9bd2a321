"""Users of the console's own: a file of names, roles and hashes of passwords (argon2id).

A line each: a name, its roles with commas, a hash. The file is read again when it changes, and who is taken
out of it is signed out with their next request.
"""

import asyncio
import os
import re
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bridge.console.rights import Role
from bridge.console.sessions import User
from bridge.credentials.reload import Reloaded
from bridge.errors import Misconfigured

_NAME: Final = re.compile(r"[a-z][a-z0-9.-]{0,63}", re.ASCII)
_SHORTEST: Final = 12
"""Characters of a password."""
_AT_ONCE: Final = 2
"""Passwords that are checked at a time: each takes 64 MiB and a processor."""
_HASHER: Final = PasswordHasher()


class _Known(NamedTuple):
    roles: frozenset[Role]
    hash: str


class LocalUsers:
    """The users of a file.

    Raises:
        Misconfigured: the file cannot be read, or a line of it.
    """

    def __init__(self, file: Path) -> None:
        self._known = Reloaded("console_users", [file], partial(_read, file))
        self._checking = asyncio.Semaphore(_AT_ONCE)
        self._nobody = _HASHER.hash(os.urandom(16).hex())

    async def sign_in(self, name: str, password: str) -> User | None:
        """The user with this name and password; None when there is none. An unknown name takes as long."""
        known = self._known().get(name)
        async with self._checking:
            is_right = await asyncio.to_thread(_verify, known.hash if known else self._nobody, password)
        return self.current(name) if known is not None and is_right else None

    def current(self, name: str) -> User | None:
        """A user as the file has them now; None when they are not in it (any more)."""
        known = self._known().get(name)
        return User(name, name, known.roles, is_local=True) if known else None


def read_users(file: Path) -> dict[str, frozenset[Role]]:
    """The roles of the users in a file, by name.

    Raises:
        Misconfigured: the file cannot be read, or a line of it.
    """
    return {name: known.roles for name, known in _read(file).items()}


def put_user(file: Path, name: str, roles: Collection[Role], password: str) -> None:
    """Add a user, or give one another password and other roles.

    Raises:
        Misconfigured: the name or the password will not do, or the file cannot be read or written.
    """
    if _NAME.fullmatch(name) is None:
        raise Misconfigured("the name of a user begins with a letter: lower-case letters, digits, . and -")
    if len(password) < _SHORTEST:
        raise Misconfigured(f"a password has {_SHORTEST} characters at least")
    if not roles:
        raise Misconfigured("a user has a role at least")
    known = _read(file) if file.exists() else {}
    _write(file, {**known, name: _Known(frozenset(roles), _HASHER.hash(password))})


def remove_user(file: Path, name: str) -> None:
    """Take a user out of the file: they are signed out.

    Raises:
        Misconfigured: there is no such user, or the file cannot be read or written.
    """
    known = _read(file)
    if known.pop(name, None) is None:
        raise Misconfigured("the file has no such user")
    _write(file, known)


def _read(file: Path) -> dict[str, _Known]:
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        raise Misconfigured("BRIDGE_CONSOLE_USERS_FILE: cannot be read") from None
    known = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match line.split():
            case [name, roles, hashed] if _NAME.fullmatch(name) and hashed.startswith("$argon2id$"):
                known[name] = _Known(_roles(roles, number), hashed)
            case _:
                raise Misconfigured(
                    f"BRIDGE_CONSOLE_USERS_FILE: line {number} is no name, roles and hash of a password"
                )
    return known


def _roles(text: str, number: int) -> frozenset[Role]:
    try:
        return frozenset(Role(role) for role in text.split(","))
    except ValueError:
        raise Misconfigured(
            f"BRIDGE_CONSOLE_USERS_FILE: line {number} has a role that is none of {', '.join(Role)}"
        ) from None


def _write(file: Path, known: Mapping[str, _Known]) -> None:
    """Put the whole file in the place of the old one, readable by its owner only, never half-written."""
    text = "".join(
        f"{name} {','.join(sorted(each.roles))} {each.hash}\n" for name, each in sorted(known.items())
    )
    beside = file.with_name(f".{file.name}.new")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(file)
    except OSError as error:
        raise Misconfigured(f"{file.name}: cannot be written ({error.strerror})") from None


def _verify(hashed: str, password: str) -> bool:
    try:
        return _HASHER.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False
