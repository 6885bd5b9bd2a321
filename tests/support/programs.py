"""``python -m tests.support.programs``: install at once what the tests need and pip does not bring.

Without this the first test that needs a program installs it, while its time runs.
"""

from tests.support import (
    amqp10,
    apt,
    brokers,
    chromium,
    clamd,
    icap,
    pgbouncer,
    postgres,
    promtool,
    shifted_clock,
)

_PROGRAMS = {
    amqp10.PROTON_PACKAGE: amqp10.has_proton,
    brokers.RABBIT_PACKAGE: brokers.installed_rabbitmq,
    chromium.PACKAGE: chromium.installed,
    clamd.PACKAGE: clamd.installed,
    icap.PACKAGE: icap.installed,
    pgbouncer.PACKAGE: pgbouncer.installed,
    postgres.PACKAGE: postgres.installed,
    promtool.PACKAGE: promtool.installed,
    shifted_clock.PACKAGE: shifted_clock.installed,
}

if __name__ == "__main__":
    missing = [package for package, installed in _PROGRAMS.items() if installed() is None]
    if missing and apt.can_install():
        apt.install(*missing)
