"""Users of the console's own: a file of names, roles and hashes of passwords (argon2id).

A line each: a name, its roles with commas, a hash; then, where it is known, the family name of the person, a
comma, and the given name. The file is read again when it changes, and who is taken
out of it is signed out with their next request.
"""

import asyncio
import os
import re
from collections.abc import Collection, Mapping, Sequence
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
_PERSON: Final = re.compile(r"[^\W\d_](?:[ '\u2019.-]?[^\W\d_]|\.){0,99}")
_SHORTEST: Final = 12
"""Characters of a password."""
_AT_ONCE: Final = 2
"""Passwords that are checked at a time: each takes 64 MiB and a processor."""
_HASHER: Final = PasswordHasher()


class _Known(NamedTuple):
    roles: frozenset[Role]
    hash: str
    given_name: str | None = None
    family_name: str | None = None


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
        if known is None:
            return None
        given, family = known.given_name, known.family_name
        called = f"{given} {family}" if given and family else name
        return User(name, called, known.roles, is_local=True, given_name=given, family_name=family)


def read_users(file: Path) -> dict[str, frozenset[Role]]:
    """The roles of the users in a file, by name.

    Raises:
        Misconfigured: the file cannot be read, or a line of it.
    """
    return {name: known.roles for name, known in _read(file).items()}


def put_user(
    file: Path,
    name: str,
    roles: Collection[Role],
    password: str,
    *,
    given_name: str | None = None,
    family_name: str | None = None,
) -> None:
    """Add a user, or give one another password, other roles and another name of the person.

    Without a name of the person a user keeps the one that is known.

    Raises:
        Misconfigured: a name or the password will not do, or the file cannot be read or written.
    """
    if any(each is not None and _PERSON.fullmatch(each) is None for each in (given_name, family_name)):
        raise Misconfigured("the name of a person is of letters, with blanks, hyphens and apostrophes")
    if (given_name is None) != (family_name is None):
        raise Misconfigured("a person has a given name and a family name")
    if _NAME.fullmatch(name) is None:
        raise Misconfigured("the name of a user begins with a letter: lower-case letters, digits, . and -")
    if len(password) < _SHORTEST:
        raise Misconfigured(f"a password has {_SHORTEST} characters at least")
    if not roles:
        raise Misconfigured("a user has a role at least")
    known = _read(file) if file.exists() else {}
    if given_name is None and (before := known.get(name)) is not None:
        given_name, family_name = before.given_name, before.family_name
    _write(file, {**known, name: _Known(frozenset(roles), _HASHER.hash(password), given_name, family_name)})


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
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        raise Misconfigured("BRIDGE_CONSOLE_USERS_FILE: cannot be read") from None
    known = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match line.split(maxsplit=3):
            case [name, roles, hashed, *person] if _NAME.fullmatch(name) and hashed.startswith("$argon2id$"):
                known[name] = _Known(_roles(roles, number), hashed, *_person(person, number))
            case _:
                raise Misconfigured(
                    f"BRIDGE_CONSOLE_USERS_FILE: line {number} is no name, roles and hash of a password"
                )
    return known


def _person(text: Sequence[str], number: int) -> tuple[str | None, str | None]:
    """Given name and family name."""
    if not text:
        return None, None
    family, _, given = (part.strip() for part in text[0].partition(","))
    if _PERSON.fullmatch(family) is None or _PERSON.fullmatch(given) is None:
        raise Misconfigured(
            f"BRIDGE_CONSOLE_USERS_FILE: line {number} ends with no family name, comma and given name"
        )
    return given, family


def _roles(text: str, number: int) -> frozenset[Role]:
    try:
        return frozenset(Role(role) for role in text.split(","))
    except ValueError:
        raise Misconfigured(
            f"BRIDGE_CONSOLE_USERS_FILE: line {number} has a role that is none of {', '.join(Role)}"
        ) from None


def _write(file: Path, known: Mapping[str, _Known]) -> None:
    """Put the whole file in the place of the old one, readable by its owner only, never half-written."""
    text = "".join(_line(name, each) for name, each in sorted(known.items()))
    beside = file.with_name(f".{file.name}.new")
    try:
        with os.fdopen(
            os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(file)
    except OSError as error:
        raise Misconfigured(f"{file.name}: cannot be written ({error.strerror})") from None


def _line(name: str, known: _Known) -> str:
    person = f" {known.family_name}, {known.given_name}" if known.family_name else ""
    return f"{name} {','.join(sorted(known.roles))} {known.hash}{person}\n"


def _verify(hashed: str, password: str) -> bool:
    try:
        return _HASHER.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False
