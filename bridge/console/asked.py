"""What a page is given: who asks, what they sent, what the installation knows, and how an answer is made."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment
from starlette.datastructures import FormData, QueryParams
from starlette.responses import HTMLResponse, RedirectResponse, Response

from bridge.console.jobs import Runs
from bridge.console.rights import Right, may
from bridge.console.sessions import Session
from bridge.console.site import ConsoleSources
from bridge.operations.site import Actor, operator
from bridge.values import dataclass

LONGEST_FIELD: Final = 500
"""Characters of a field of a form."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """One request to a page, by somebody who may make it.

    Attributes:
        session: of the user.
        site: the installation.
        query: of the address: never anything of a patient.
        form: that was sent; empty of a page that is only looked at.
        templates: of the pages.
        runs: jobs that this process runs.
        navigation: pages that this user may open: address and title.
        path: of this page.
    """

    session: Session
    site: ConsoleSources
    query: QueryParams
    form: FormData
    templates: Environment
    runs: Runs
    navigation: Sequence[tuple[str, str]]
    path: str

    @property
    def actor(self) -> Actor:
        """Who acts, for the audit trail."""
        return operator(self.site.settings, self.session.user.id, self.session.user.name)

    def may(self, right: Right) -> bool:
        """Whether the user has this right: a page offers nothing that would be refused."""
        return may(self.session.user.roles, right)

    def field(self, name: str) -> str:
        """A field of the form, without blanks around it; empty when it was not sent."""
        value = self.form.get(name, "")
        return value.strip()[:LONGEST_FIELD] if isinstance(value, str) else ""

    def filter(self, name: str) -> str | None:
        """A part of the query that narrows what is shown; None when it was not given."""
        return self.query.get(name, "").strip()[:LONGEST_FIELD] or None

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """An HTML page."""
        told, self.session.notice = self.session.notice, None
        html = self.templates.get_template(template).render(
            asked=self,
            user=self.session.user,
            token=self.session.form_token,
            navigation=self.navigation,
            path=self.path,
            told=told,
            Right=Right,
            **values,
        )
        return HTMLResponse(html, status)

    def file(self, name: str, text: str) -> Response:
        """A CSV file to be kept."""
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    def to(self, path: str, *, told: str | None = None, **query: str) -> Response:
        """To another page, after something was done; `told` is said there."""
        self.session.notice = told
        return RedirectResponse(address(path, query), 303)


def address(path: str, query: Mapping[str, str | None]) -> str:
    """A page with what narrows it."""
    given = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(given)}" if given else path
