"""The pages: a module each, with a template of the same name; their order here is that of the navigation."""

from collections.abc import Sequence
from typing import Final

from bridge.console.page import ConsolePage
from bridge.console.pages import (
    audit,
    dead_letters,
    failures,
    in_doubt,
    overview,
    practices,
    quality,
    replay_jobs,
    request,
    requests,
    system,
)

PAGES: Final[Sequence[ConsolePage]] = (
    *overview.PAGES,
    *requests.PAGES,
    *request.PAGES,
    *failures.PAGES,
    *replay_jobs.PAGES,
    *dead_letters.PAGES,
    *in_doubt.PAGES,
    *practices.PAGES,
    *quality.PAGES,
    *audit.PAGES,
    *system.PAGES,
)
