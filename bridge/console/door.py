"""The door: the pages of signing in and out, and whose session a request belongs to."""

import hmac
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from jinja2 import Environment
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from bridge.console.listening import Listening, listening
from bridge.console.sessions import Session, Sessions, User, Visits
from bridge.console.sign_in.attempts import Attempts
from bridge.console.sign_in.oidc import CALLBACK, OpenIdProvider, SignInRefused
from bridge.console.sign_in.users import LocalUsers
from bridge.observe import record
from bridge.observe.vocabulary.console import ConsoleSignedIn, ConsoleSignedOut, ConsoleSignInRefused
from bridge.settings import Settings

_FORM: Final = "form"
"""Where a visit keeps the token of the form that signs in."""
_LONGEST: Final = 200
_WORDS: Final = {
    "wrong": "The name or the password is wrong.",
    "too_many_attempts": "Too many attempts. Wait five minutes.",
    "form_token": "The page was too old. Try again.",
    "no_role": "You are known, but have no role here. Ask whoever gives out roles.",
    "provider_unavailable": "The sign-in service cannot be reached now.",
}
_ANY_OTHER: Final = "The sign-in was not completed. Try again."


DoorPage = tuple[str, str, Callable[[Request, FormData], Awaitable[Response]]]
"""Address, method and answer of a page that needs no session."""


class Door:
    """Signs users in and out.

    Args:
        settings: of the installation.
        templates: of the pages.
    """

    def __init__(self, settings: Settings, templates: Environment) -> None:
        console = settings.console
        place: Listening = listening(console)
        prefix = "__Host-" if place.is_secure else ""
        self._session_cookie = f"{prefix}bridge_session"
        self._visit_cookie = f"{prefix}bridge_visit"
        self._is_secure = place.is_secure
        self._templates = templates
        self._sessions = Sessions(idle=console.idle_minutes * 60, longest=console.session_minutes * 60)
        self._visits = Visits()
        self._attempts = Attempts()
        self._users = LocalUsers(console.users_file) if console.users_file else None
        self._provider = OpenIdProvider(settings, place.url) if console.oidc_issuer else None

    @property
    def pages(self) -> list[DoorPage]:
        """Those that are there with these settings."""
        pages: list[DoorPage] = [("/sign-in", "GET", self._show), ("/sign-out", "POST", self._sign_out)]
        if self._users is not None:
            pages.append(("/sign-in", "POST", self._by_password))
        if self._provider is not None:
            pages += [("/sign-in/oidc", "GET", self._to_provider), (CALLBACK, "GET", self._from_provider)]
        return pages

    def session(self, request: Request) -> Session | None:
        """Whose request this is; None of whoever is not signed in (any more)."""
        session = self._sessions.find(request.cookies.get(self._session_cookie))
        if session is not None and session.user.is_local:
            # Who is taken out of the file, or given other roles, is so at once.
            user = self._users.current(session.user.id) if self._users else None
            if user is None:
                self._sessions.end(session)
                return None
            session.user = user
        return session

    async def _show(self, request: Request, _form: FormData) -> Response:
        if self.session(request) is not None:
            return RedirectResponse("/", 303)
        return self._sign_in_page()

    def _sign_in_page(self, reason: str | None = None, status: int = 200) -> Response:
        visit = {_FORM: secrets.token_urlsafe()}
        html = self._templates.get_template("sign_in.html").render(
            token=visit[_FORM],
            fault=_WORDS.get(reason, _ANY_OTHER) if reason else None,
            has_users=self._users is not None,
            has_provider=self._provider is not None,
        )
        return self._with_visit(HTMLResponse(html, status), visit)

    async def _by_password(self, request: Request, form: FormData) -> Response:
        assert self._users is not None  # else there is no such page
        visit = self._visits.read(request.cookies.get(self._visit_cookie))
        sent = {name: _text(form, name) for name in ("token", "name", "password")}
        if not hmac.compare_digest(visit.get(_FORM, secrets.token_hex()).encode(), sent["token"].encode()):
            return self._refused("password", "form_token", 403)
        address = request.client.host if request.client else ""
        if not self._attempts.begin(sent["name"], address):
            return self._refused("password", "too_many_attempts", 429)
        user = await self._users.sign_in(sent["name"], sent["password"])
        if user is None:
            return self._refused("password", "wrong", 401)
        self._attempts.succeeded(sent["name"], address)
        return self._signed_in(request, user, "password")

    async def _to_provider(self, request: Request, _form: FormData) -> Response:
        assert self._provider is not None
        visit: dict[str, Any] = {}
        try:
            url = await self._provider.begin(request, visit)
        except SignInRefused as refused:
            return self._refused("oidc", refused.reason, 502)
        return self._with_visit(RedirectResponse(url, 302), visit)

    async def _from_provider(self, request: Request, _form: FormData) -> Response:
        assert self._provider is not None
        visit = self._visits.read(request.cookies.get(self._visit_cookie))
        try:
            user = await self._provider.end(request, visit)
        except SignInRefused as refused:
            return self._refused("oidc", refused.reason, 403)
        return self._signed_in(request, user, "oidc")

    async def _sign_out(self, request: Request, form: FormData) -> Response:
        session = self.session(request)
        if session is not None:
            if not session.is_form_token(_text(form, "token")):
                return RedirectResponse("/", 303)
            self._sessions.end(session)
            record(ConsoleSignedOut(session.user.id))
        answer = RedirectResponse("/sign-in", 303)
        self._forget(answer, self._session_cookie)
        return answer

    def _signed_in(self, request: Request, user: User, method: str) -> Response:
        before = self._sessions.find(request.cookies.get(self._session_cookie))
        if before is not None:
            self._sessions.end(before)
        record(ConsoleSignedIn(user.id, tuple(sorted(user.roles)), method))
        answer = RedirectResponse("/", 303)
        self._remember(answer, self._session_cookie, self._sessions.begin(user))
        self._forget(answer, self._visit_cookie)
        return answer

    def _refused(self, method: str, reason: str, status: int) -> Response:
        record(ConsoleSignInRefused(method, reason))
        return self._sign_in_page(reason, status)

    def _with_visit(self, answer: Response, visit: MutableMapping[str, Any]) -> Response:
        self._remember(answer, self._visit_cookie, self._visits.write(dict(visit)))
        return answer

    def _remember(self, answer: Response, name: str, value: str) -> None:
        # Lax and not strict: the way back from an OpenID provider begins at another site.
        answer.set_cookie(name, value, path="/", secure=self._is_secure, httponly=True, samesite="lax")

    def _forget(self, answer: Response, name: str) -> None:
        answer.delete_cookie(name, path="/", secure=self._is_secure, httponly=True, samesite="lax")


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value[:_LONGEST] if isinstance(value, str) else ""
