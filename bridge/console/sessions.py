"""Sessions: who is signed in, in this process's memory, behind a signed cookie that says nothing.

A session begins at sign-in under an id that nobody had before (no fixation), ends by sign-out, after a while
without a request, and after a longer while in any case. Whoever is not signed in yet has a *visit*: a signed
cookie of some minutes that keeps what the sign-in needs (the token of its form; state, nonce and verifier of
OpenID). Nothing is kept here for strangers, however many come.
"""

import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import field
from hashlib import sha256
from typing import Any, Final

from itsdangerous import BadData, Signer, URLSafeTimedSerializer

from bridge.console.rights import Role
from bridge.values import dataclass

_MOST: Final = 1000
"""Sessions at a time; over it the one that was used the longest ago ends."""
_VISIT_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who is signed in.

    Attributes:
        id: as whoever let them in knows them; it stands in the audit trail.
        name: as people call them.
        roles: what they are to the console.
        is_local: whether they are of the users' file.
        given_name: as whoever let them in has it; practices are told who asks. None: it was not said.
        family_name: likewise.
    """

    id: str
    name: str
    roles: frozenset[Role]
    is_local: bool
    given_name: str | None = None
    family_name: str | None = None


@dataclass(slots=True)
class Session:
    """One user in one browser."""

    id: str
    user: User
    began_at: float
    seen_at: float
    form_token: str = field(default_factory=secrets.token_urlsafe)
    notice: str | None = None
    """What is told on the next page."""

    def is_form_token(self, sent: str) -> bool:
        """Whether a form was made by a page of this session."""
        return hmac.compare_digest(self.form_token.encode(), sent.encode())


class Sessions:
    """All sessions of this process.

    Args:
        idle: seconds without a request after which one ends.
        longest: seconds after which one ends in any case.
        clock: seconds, monotonic.
    """

    def __init__(self, *, idle: float, longest: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._idle = idle
        self._longest = longest
        self._clock = clock
        self._signer = Signer(secrets.token_bytes(32), digest_method=sha256)
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def begin(self, user: User) -> str:
        """Begin a session under a new id; the value of its cookie."""
        now = self._clock()
        session = Session(secrets.token_urlsafe(32), user, now, now)
        self._sessions[session.id] = session
        if len(self._sessions) > _MOST:
            self._sessions.popitem(last=False)
        return self._signer.sign(session.id).decode()

    def find(self, cookie: str | None) -> Session | None:
        """The session of a cookie, which this keeps awake; None when there is none, or not any more."""
        session = self._sessions.get(self._id(cookie))
        if session is None:
            return None
        now = self._clock()
        if now - session.seen_at > self._idle or now - session.began_at > self._longest:
            del self._sessions[session.id]
            return None
        session.seen_at = now
        self._sessions.move_to_end(session.id)
        return session

    def end(self, session: Session) -> None:
        """Forget a session: its cookie opens nothing from now on."""
        self._sessions.pop(session.id, None)

    def _id(self, cookie: str | None) -> str:
        try:
            return self._signer.unsign(cookie or "").decode()
        except BadData:
            return ""


class Visits:
    """What is remembered of whoever is not signed in yet: in their own cookie, signed."""

    def __init__(self) -> None:
        self._serializer = URLSafeTimedSerializer(
            secrets.token_bytes(32), signer_kwargs={"digest_method": sha256}
        )

    def write(self, visit: dict[str, Any]) -> str:
        """The value of the cookie."""
        written = self._serializer.dumps(visit)
        return written if isinstance(written, str) else written.decode()

    def read(self, cookie: str | None) -> dict[str, Any]:
        """What the cookie says; empty when it is not ours, or too old."""
        try:
            visit: dict[str, Any] = self._serializer.loads(cookie or "", max_age=_VISIT_SECONDS)
        except BadData:
            return {}
        return visit
