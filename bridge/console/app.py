"""The console as one ASGI application: sign-in, and every page behind the table of rights.

This is the one place where a session, a right and the token of a form are asked for.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from jinja2 import Environment
from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bridge.console.asked import PageRequest
from bridge.console.door import Door
from bridge.console.jobs import Runs
from bridge.console.listening import Listening
from bridge.console.page import ConsolePage
from bridge.console.pages import PAGES
from bridge.console.protection import FormTooLarge, Protection
from bridge.console.rights import may
from bridge.console.sessions import Session
from bridge.console.site import Away, ConsoleSources
from bridge.console.templating import STYLE
from bridge.engine.outcomes import places
from bridge.errors import BridgeError
from bridge.observe import record
from bridge.observe.vocabulary.console import ConsoleFailed, ConsoleRefused

_FIELDS: Final = 60
"""Of a form, at most."""


def application(
    site: ConsoleSources, door: Door, templates: Environment, runs: Runs, listening: Listening
) -> ASGIApp:
    """The whole console.

    Args:
        site: what the pages ask.
        door: how somebody signs in.
        templates: of the pages.
        runs: jobs that this process runs.
        listening: where browsers reach it.
    """
    guard = _Guard(site, door, templates, runs)
    routes = [
        Route("/console.css", _style, methods=["GET"]),
        *(Route(path, guard.open(answer), methods=[method]) for path, method, answer in door.pages),
        *(Route(page.path, guard.behind(page), methods=[page.method]) for page in PAGES),
    ]
    pages = Starlette(routes=routes, exception_handlers={HTTPException: guard.refuse})
    return Protection(pages, hosts=listening.hosts, proxies=listening.proxies, is_secure=listening.is_secure)


async def _style(_request: Request) -> Response:
    return Response(STYLE, media_type="text/css")


class _Guard:
    """Lets nobody to a page who may not open it, and turns what goes wrong into pages."""

    def __init__(self, site: ConsoleSources, door: Door, templates: Environment, runs: Runs) -> None:
        self._site = site
        self._door = door
        self._templates = templates
        self._runs = runs

    def behind(self, page: ConsolePage) -> Callable[[Request], Awaitable[Response]]:
        """The page, for who may open it."""

        async def answer(request: Request) -> Response:
            session = self._door.session(request)
            if session is None:
                return RedirectResponse("/sign-in", 303)
            if not may(session.user.roles, page.right):
                record(ConsoleRefused(session.user.id, page.path, "no_right"))
                return self._fault(403, "Your roles do not allow this.", session)
            form = await _form(request)
            if page.method == "POST" and not session.is_form_token(_token(form)):
                record(ConsoleRefused(session.user.id, page.path, "form_token"))
                return self._fault(403, "This form is not of your session. Open the page again.", session)
            return await self._answer(page, self._asked(request, session, form, page.path))

        return self._told(answer)

    def open(
        self, answer: Callable[[Request, FormData], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """A page of the door, for everybody."""

        async def answered(request: Request) -> Response:
            return await answer(request, await _form(request))

        return self._told(answered)

    async def refuse(self, request: Request, fault: Exception) -> Response:
        """What the routes do not know."""
        status = fault.status_code if isinstance(fault, HTTPException) else 500
        return self._fault(status, "There is no such page.", self._door.session(request))

    async def _answer(self, page: ConsolePage, asked: PageRequest) -> Response:
        try:
            return await page.answer(asked)
        except Away as away:
            return asked.page("away.html", status=503, source=away.source)
        except BridgeError as refusal:
            return asked.page("refused.html", status=409, why=str(refusal))

    def _told(
        self, answer: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """The same; what nobody foresaw is told to the log by its type, and to the user not at all."""

        async def answered(request: Request) -> Response:
            try:
                return await answer(request)
            except FormTooLarge:
                return self._fault(413, "More was sent than a form holds.", None)
            except HTTPException:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, a page says so
                record(ConsoleFailed(request.scope["route"].path, type(error).__name__, places(error)))
                return self._fault(500, "Something went wrong; the log says what.", None)

        return answered

    def _asked(self, request: Request, session: Session, form: FormData, path: str) -> PageRequest:
        return PageRequest(
            session=session,
            site=self._site,
            query=request.query_params,
            form=form,
            templates=self._templates,
            runs=self._runs,
            navigation=[
                (page.path, page.title)
                for page in PAGES
                if page.title is not None and may(session.user.roles, page.right)
            ],
            path=path,
        )

    def _fault(self, status: int, why: str, session: Session | None) -> Response:
        html = self._templates.get_template("fault.html").render(why=why, is_signed_in=session is not None)
        return HTMLResponse(html, status)


async def _form(request: Request) -> FormData:
    if request.method != "POST":
        return FormData()
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    return await request.form(max_files=0, max_fields=_FIELDS)


def _token(form: FormData) -> str:
    value = form.get("token", "")
    return value if isinstance(value, str) else ""
