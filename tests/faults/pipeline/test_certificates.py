"""The client certificate expires while requests are in flight."""

from datetime import UTC, datetime, timedelta

from bridge.sandbox import InjectedFault, Tls
from tests.faults.installation import until
from tests.support.certificates import Authority

SHORT = timedelta(seconds=5)


async def test_a_certificate_that_expires_in_flight_is_replaced_without_a_restart(
    any_broker, installed, outages, tmp_path
):
    authority = Authority(tmp_path)
    server, client = authority.issue("server", hosts=("127.0.0.1",)), authority.issue("client")
    tls = Tls(authority.ca_file, server.cert_file, server.key_file, client.cert_file, client.key_file)
    settings = {"BRIDGE_RETRY_FIRST_DELAY": "1"}
    async with installed(any_broker, settings=settings, tls=tls) as site, site.worker() as worker:

        async def usable(*, expected: bool) -> bool:
            return (await worker.readiness())["certificates"] is expected

        async def reloaded() -> bool:
            return await usable(expected=True) and outages.logged("reloaded")

        expires = authority.issue("client", lasts=SHORT).certificate.not_valid_after_utc
        await until(reloaded)
        left = (expires - datetime.now(UTC)).total_seconds()
        site.fault("rich_record", InjectedFault(delay=left + 1))  # its connection was made in time
        ids = await site.epr.ask("rich_record")
        await until(lambda: usable(expected=False))
        ids += await site.epr.ask(*["no_known_allergies"] * 3)
        await until(lambda: outages.logged("retry_due"))
        outages.did("/readyz")
        authority.issue("client")
        await until(lambda: usable(expected=True))
        await site.epr.over(ids)
        ends = await site.accounts(ids)
    outages.saw("certificate_expired", on=any_broker.title, ends=ends)
