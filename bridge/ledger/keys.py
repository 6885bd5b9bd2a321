"""Key rings: the keys that seal patient data and the keys that chain the audit trail, each in a file.

A ring is a text file of lines ``id:key``, the key being 32 random bytes in base64. The first line is the
current key: it seals what is new. The others still open what they sealed. So a key is rotated by putting
a new line on top (`add_key`), and what a key sealed is destroyed by taking its line out, backups of the
file included. Blank lines and lines that start with ``#`` are ignored.

Where several machines share a ledger, put the new key at the end of the ring on all of them first
(``add_key(…, current=False)``), then move its line to the top: no machine meets a key it does not know.

The errors of this package that say why something sealed cannot be had::

    BridgeError
    └── VaultError
        ├── KeyUnknown       its key is not in the ring (any more)
        ├── SealBroken       it was changed, cut, or belongs to another row
        └── NotKept          it never was kept, or its time is over
"""

import base64
import binascii
import contextlib
import os
import re
import secrets
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

from bridge.errors import BridgeError, Misconfigured
from bridge.observe import record
from bridge.observe.vocabulary.ledger import KeyRingRead, KeyRingUnreadable
from bridge.settings import Settings
from bridge.values import dataclass

KEY_BYTES: Final = 32
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class VaultError(BridgeError):
    """What was put away cannot be had."""


class KeyUnknown(VaultError):  # noqa: N818 - says what is so
    """The key with this id is not in the ring: it was removed, or has not reached this machine yet."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"no key {key_id!r} in the ring")
        self.key_id = key_id


class SealBroken(VaultError):  # noqa: N818
    """The bytes are not what was sealed for this row: changed, cut, or another row's."""


class NotKept(VaultError):  # noqa: N818
    """Nothing is kept under this id: it never was, or its time is over."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by id; `current` seals what is new. Never rendered with its keys."""

    current: str
    _keys: Mapping[str, bytes]

    def __repr__(self) -> str:
        return f"KeyRing(current={self.current!r}, keys={len(self._keys)})"

    @property
    def ids(self) -> Collection[str]:
        """Of every key, the current one first."""
        return self._keys.keys()

    def key(self, key_id: str) -> bytes:
        """The 32 bytes of a key.

        Raises:
            KeyUnknown: the ring has no such key.
        """
        try:
            return self._keys[key_id]
        except KeyError:
            raise KeyUnknown(key_id) from None

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Read the lines of a ring.

        Raises:
            Misconfigured: with every fault, by line number; nothing of a key is repeated.
        """
        keys: dict[str, bytes] = {}
        problems: list[str] = []
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            key_id, _, encoded = (part.strip() for part in line.partition(":"))
            key = _decode(encoded)
            faults = list(_faults(key_id, key, keys))
            problems += [f"line {number}: {fault}" for fault in faults]
            if key is not None and not faults:
                keys[key_id] = key
        if not keys and not problems:
            problems = ["holds no key"]
        if problems:
            raise Misconfigured(*problems)
        return cls(next(iter(keys)), keys)


def _decode(encoded: str) -> bytes | None:
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == KEY_BYTES else None


def _faults(key_id: str, key: bytes | None, known: Mapping[str, bytes]) -> Iterator[str]:
    if not _ID.fullmatch(key_id):
        yield "the id must be 1 to 32 of a-z, 0-9 and '-'"
    elif key_id in known:
        yield "the id is used before"
    if key is None:
        yield f"the key must be {KEY_BYTES} bytes in base64"
    elif len(set(key)) == 1:
        yield "the key is one byte repeated, not a random key"
    elif key in known.values():
        yield "the key is used before under another id"


class KeyFile:
    """A key ring in a file, read again when the file changes: rotation needs no restart.

    Args:
        path: the file.
        name: what operators know it by, e.g. ``BRIDGE_VAULT_KEYS_FILE``.
        look_every: seconds between two looks at the file; every request asks for keys several times.

    Raises:
        Misconfigured: the file cannot be read or is not a key ring. Once it was read, a change that
            makes it unreadable is logged and the keys read before stay in use.
    """

    def __init__(self, path: Path, name: str, *, look_every: float = 1.0) -> None:
        self._path = path
        self._name = name
        self._look_every = look_every
        self._looked = time.monotonic()
        self._seen = self._stamp()
        self._ring = self._read()

    @property
    def ring(self) -> KeyRing:
        """The keys as the file holds them, or held when it was last looked at."""
        now = time.monotonic()
        if now - self._looked < self._look_every:
            return self._ring
        self._looked = now
        with contextlib.suppress(OSError):
            stamp = _stamp(self._path)
            if stamp != self._seen:
                self._seen = stamp
                self._reload()
        return self._ring

    def _reload(self) -> None:
        try:
            self._ring = self._read()
        except Misconfigured as fault:
            record(KeyRingUnreadable(fault.problems))
        else:
            record(KeyRingRead(self._name, self._ring.current))

    def _stamp(self) -> tuple[int, int, int]:
        try:
            return _stamp(self._path)
        except OSError as error:
            raise Misconfigured(f"{self._name}: cannot be read ({error.strerror})") from None

    def _read(self) -> KeyRing:
        try:
            return KeyRing.parse(self._path.read_text(encoding="ascii"))
        except OSError as error:
            raise Misconfigured(f"{self._name}: cannot be read ({error.strerror})") from None
        except UnicodeDecodeError:
            raise Misconfigured(f"{self._name}: is not a text file of keys") from None
        except Misconfigured as fault:
            raise Misconfigured(*(f"{self._name}: {problem}" for problem in fault.problems)) from None


def _stamp(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def create_ring(path: Path) -> str:
    """Make a new ring with one random key, readable by its owner only; the id of the key.

    Raises:
        Misconfigured: there is something at `path` already, or it cannot be written.
    """
    key_id, line = _new_line()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _written_aside(path, line) as aside:
            os.link(aside, path)  # unlike a rename, this never replaces a ring
    except FileExistsError:
        raise Misconfigured(f"{path.name}: exists; add a key to it instead") from None
    except OSError as error:
        raise Misconfigured(f"{path.name}: cannot be written ({error.strerror})") from None
    return key_id


def add_key(path: Path, *, current: bool = True) -> str:
    """Put a new random key into the ring, as the current one or as the last; the id of the key.

    The file is replaced in one step and keeps its mode; every other line stays as it is.

    Raises:
        Misconfigured: the file is no key ring, or cannot be written.
    """
    KeyFile(path, path.name)
    key_id, line = _new_line()
    try:
        text = path.read_text(encoding="ascii")
        text = f"{line}{text}" if current else f"{text.rstrip()}\n{line}"
        with _written_aside(path, text) as aside:
            aside.chmod(path.stat().st_mode)
            aside.replace(path)
    except OSError as error:
        raise Misconfigured(f"{path.name}: cannot be written ({error.strerror})") from None
    return key_id


def _new_line() -> tuple[str, str]:
    key_id = f"k{secrets.token_hex(4)}"
    return key_id, f"{key_id}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}\n"


@contextlib.contextmanager
def _written_aside(path: Path, text: str) -> Iterator[Path]:
    """A file beside `path` with this content, on disk, for its owner only; gone afterwards unless moved."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    aside = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield aside
    finally:
        aside.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Keys:
    """The two rings of an installation: apart, so that neither gives what the other protects."""

    vault: KeyFile
    audit: KeyFile


def open_keys(settings: Settings) -> Keys:
    """Read both key rings. In the sandbox, rings that are not configured are made under the state directory.

    Raises:
        Misconfigured: with every fault of both.
    """
    wanted = {
        "BRIDGE_VAULT_KEYS_FILE": (settings.vault.keys_file, settings.state_dir / "vault.keys"),
        "BRIDGE_AUDIT_KEYS_FILE": (settings.audit.keys_file, settings.state_dir / "audit.keys"),
    }
    found: list[KeyFile] = []
    problems: list[str] = []
    for name, (path, fallback) in wanted.items():
        try:
            found.append(_open(path, fallback, name, sandbox=settings.sandbox))
        except Misconfigured as fault:
            problems += fault.problems
    if problems:
        raise Misconfigured(*problems)
    return Keys(*found)


def _open(path: Path | None, fallback: Path, name: str, *, sandbox: bool) -> KeyFile:
    if path is not None:
        return KeyFile(path, name)
    if not sandbox:
        raise Misconfigured(f"{name}: is required")
    if not fallback.exists():
        with contextlib.suppress(Misconfigured):  # another process may make it at the same time
            create_ring(fallback)
    return KeyFile(fallback, name)


def key_faults(settings: Settings) -> tuple[str, ...]:
    """What is wrong with the key rings, for the one list of faults at start (``settings.check(also=…)``)."""
    try:
        open_keys(settings)
    except Misconfigured as fault:
        return fault.problems
    return ()
