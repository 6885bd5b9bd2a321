"""The client certificate expires while requests are in flight."""

import asyncio
from datetime import UTC, datetime, timedelta

from bridge.sandbox import Fault, Tls
from tests.faults.installation import until
from tests.support.certificates import Authority

SHORT = timedelta(seconds=4)


async def test_a_certificate_that_expires_in_flight_is_replaced_without_a_restart(
    broker, installed, outages, tmp_path
):
    authority = Authority(tmp_path)
    server = authority.issue("server", hosts=("127.0.0.1",))
    client = authority.issue("client", lasts=SHORT)
    tls = Tls(authority.ca_file, server.cert_file, server.key_file, client.cert_file, client.key_file)
    async with (
        installed(broker, settings={"BRIDGE_RETRY_FIRST_DELAY": "1"}, tls=tls) as site,
        site.worker() as worker,
    ):
        assert (await worker.readiness())["certificates"]
        expires = client.certificate.not_valid_after_utc
        left = (expires - datetime.now(UTC)).total_seconds()
        site.fault("rich_record", Fault(delay=left + 1))  # its connection was made in time
        ids = await site.epr.ask("rich_record")
        await asyncio.sleep(left + 0.5)
        ids += await site.epr.ask(*["no_known_allergies"] * 3)
        await until(lambda: outages.logged("retry_due"))
        assert not (await worker.readiness())["certificates"]
        outages.did("/readyz")
        authority.issue("client")
        await site.epr.over(ids)
        assert (await worker.readiness())["certificates"]
        ends = await site.accounts(ids)
    outages.saw("certificate_expired", on=broker.title, ends=ends)
