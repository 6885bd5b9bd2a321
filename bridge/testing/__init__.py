"""Run a handler against the sandbox, without a broker: what it publishes, and how its request ends.

::

    async with site() as ours:
        request = ours.request(RecordRequest, "rich_record", areas={"allergies": {}})
        result = await ours.run(wristband, request)
    assert result.outcome == "completed"
    assert result.data("wristband.ready.v1", AllergyNames)["names"] == ["Penicillin"]

`site` starts PDS, SDS, the Spine proxy and the practices of `bridge.sandbox` as real HTTP servers on free
ports of this machine (`SandboxOptions`), and a ledger in a folder that is thrown away. `Site.run` hands a
request to a real worker as a bus would hand over one delivery: it is read and checked, the handler is run,
its outcome is written down, and its events are published, into `Result.events`. `Site.fault` says what goes
wrong.

For tests alone: no part of the engine imports this.
"""

from bridge.sandbox import FaultKind, InjectedFault, SandboxOptions
from bridge.testing.result import Outcome, Published, Result
from bridge.testing.site import Site, site

__all__ = ["FaultKind", "InjectedFault", "Outcome", "Published", "Result", "SandboxOptions", "Site", "site"]
