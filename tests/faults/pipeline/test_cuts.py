"""Many mixed requests while the connection to the broker is cut five times."""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from tests.faults.installation import WHOLE, until
from tests.support.tcp_proxy import TcpProxy

CUTS = 5
# Weighted: what is asked, and how it must end.
MIX = (
    ("rich_record", "completed", 6),
    ("no_known_allergies", "completed", 3),
    ("withheld_items", "completed", 3),
    ("typical_size", "completed", 3),
    ("restricted", "failed (`patient_restricted`)", 1),
    ("capability_off", "failed (`practice_not_enabled`)", 1),
    ("other_patient", "failed (`response_invalid`)", 1),
    ("broken", "rejected", 1),
)


def made(link: TcpProxy, count: int) -> Callable[[], bool]:
    return lambda: link.links >= count


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("broker", "count"),
    [
        pytest.param("rabbit", 1000 if WHOLE else 120, marks=pytest.mark.rabbit),
        pytest.param("nats", 500 if WHOLE else 80, marks=pytest.mark.nats),
    ],
    indirect=["broker"],
)
async def test_every_request_has_exactly_one_outcome(broker, count, installed, outages):
    chosen = random.Random(20261122).choices(MIX, weights=[weight for _, _, weight in MIX], k=count)
    expected = Counter(end for _, end, _ in chosen)
    async with installed(broker, scenario_faults=True) as site, TcpProxy(broker.node.url) as link:
        ids = await site.epr.ask(*(name for name, _, _ in chosen))
        async with site.worker(link.url):
            for cut in range(1, CUTS + 1):
                await site.epr.over(ids, cut * len(ids) // (CUTS + 1))
                await until(made(link, cut))  # however fast: there is a link to cut
                link.cut()
            await site.epr.over(ids)
            ends = await site.accounts(ids)
            await until(made(link, CUTS + 1))
        assert ends == expected
        for name, often in Counter(name for name, end, _ in chosen if end == "completed").items():
            assert site.asked_of_practices(name) == often, f"{name}: a cut must not repeat a call"
    outages.saw("link_cut", on=broker.title, ends=ends, fewer=not WHOLE)
