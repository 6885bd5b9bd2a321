"""Overview: what needs a person first, then how each pipeline goes."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from starlette.responses import Response

from bridge.console.asked import PageRequest
from bridge.console.page import ConsolePage
from bridge.console.pages.periods import CHOICES, period
from bridge.console.pages.queues import QueueState, queue_states
from bridge.console.rights import Right
from bridge.console.site import Unknown
from bridge.operations import audit, installation, retries
from bridge.operations.overview import PipelineOverview, pipelines
from bridge.operations.practices import CalledSeen, national_services
from bridge.settings import Settings

_CERTIFICATE_SOON: Final = timedelta(days=30)


class ToDo(NamedTuple):
    """Something that needs a person: what, where to look, and whether at once."""

    words: str
    page: str
    is_bad: bool


async def _show(asked: PageRequest) -> Response:
    since = period(asked)
    known = await asked.site.of_ledger(lambda stores: pipelines(stores, since=since.since))
    depths = await asked.site.of_bus(queue_states)
    trail = await asked.site.of_ledger(audit.state)
    services = await asked.site.of_ledger(national_services)
    return asked.page(
        "overview.html",
        todo=list(_todo(asked.site.settings, known, depths, trail, services)),
        pipelines=known,
        services=services,
        depths=depths,
        period=since,
        periods=CHOICES,
    )


def _todo(
    settings: Settings,
    known: Sequence[PipelineOverview] | Unknown,
    depths: Mapping[str, QueueState] | Unknown,
    trail: str | Unknown | None,
    services: Sequence[CalledSeen] | Unknown,
) -> Iterator[ToDo]:
    if isinstance(trail, str):
        yield ToDo(f"The audit trail is broken: {trail}. Nothing is asked of anybody.", "/audit", is_bad=True)
    if not isinstance(known, Unknown):
        in_doubt = sum(each.in_doubt for each in known)
        if in_doubt:
            yield ToDo(
                f"{in_doubt} in doubt: was a booking, or another change, done?", "/in-doubt", is_bad=True
            )
        unsuccessful = sum(each.outcomes.get("failed", 0) + each.outcomes.get("dead", 0) for each in known)
        if unsuccessful:
            yield ToDo(f"{unsuccessful} failed or dead in this period: see why.", "/failures", is_bad=False)
    if not isinstance(depths, Unknown):
        unattended = [name for name, each in depths.items() if not each.is_attended]
        if unattended:
            yield ToDo(f"No worker takes requests of {', '.join(unattended)}.", "/system", is_bad=True)
        dead = sum(each.dead for each in depths.values())
        if dead:
            yield ToDo(f"Dead letters to send again, or to discard: {dead}.", "/dead-letters", is_bad=False)
    if not isinstance(services, Unknown):
        away = [each.upstream for each in services if each.circuits.keys() - {"closed"}]
        if away:
            yield ToDo(f"Workers do not call, or only try: {', '.join(away)}.", "/", is_bad=True)
    yield from _of_settings(settings)


def _of_settings(settings: Settings) -> Iterator[ToDo]:
    if retries.look(settings).is_set:
        yield ToDo("Automated retries are stopped.", "/system", is_bad=False)
    for each in installation.certificates(settings):
        left = each.expires_at - datetime.now(UTC)
        if left < _CERTIFICATE_SOON:
            words = f"The certificate {each.setting} expires in {left.days} days."
            yield ToDo(words, "/system", is_bad=left.days <= 0)


PAGES = (ConsolePage("/", Right.SEE_REQUESTS, _show, title="Overview"),)
