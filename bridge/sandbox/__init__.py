"""A stand-in for PDS, SDS, the proxy and GP practices, as real HTTP servers.

It is an independent judge of the engine: it shares no code and no constant with what it checks, only the
check of an NHS number. `running` starts it inside an event loop, `serve` as a program of its own.

**Appointments.** Every practice but `NO_DIARY` has an appointment book for six weeks from today, the same for
the same `Rotas.seed` and date. `SandboxOptions.patients` adds people without a scenario
(`RunningSandbox.crowd`), for tests that need many. What the practice's own staff do is done with
`RunningSandbox.diary(ods)`::

    async with running(SandboxOptions(patients=200)) as sandbox:
        number, home = sandbox.crowd[0].nhs_number, sandbox.crowd[0].practice_ods
        sandbox.fault(number, Fault(FaultKind.DROP, at="proxy", on=("book",), times=1))  # an answer is lost
        ...
        [appointment] = [one for one in sandbox.diary(home).appointments() if one.nhs_number == number]
        assert [change.action for change in appointment.history] == ["booked"]

========================================================  =================================================
What goes wrong                                           How it is switched on
========================================================  =================================================
the work is done, the answer lost                         `DROP` (at the proxy: the connection is cut; at the
                                                          practice: 502), `LOST` with `status=504`
answers late                                              `DELAY` with `delay`
done after the client gave up                             `LATE` with `status=504` and `delay`
crash before anything is done                             `RESET`, `STATUS`
409 for everyone but the first                            `STATUS`, `status=409`, `after=1`, ``on=("book",)``
the slot is taken between search and booking              `TAKEN`, or ``diary(ods).staff_take(slot_id)``
another version                                           `TOUCHED`, or ``diary(ods).staff_touch(id)``
a limit of slots                                          ``diary(ods).limits["RZZ01"] = 3``
the practice is down for minutes                          `RESET` or `HANG` with `lasts=180.0`, key: ODS code
any of them, at random                                    ``sandbox.storm(Storm(seed=7, probability=0.2))``
========================================================  =================================================

**Care record.** Every patient with a record has the ten sections of Access Record HTML too; those whose pages
are old, broken, hostile or large are in `care_record_cases`. A fault of the key ``9990000018/ENC`` is met by
one section.

`control` says how all of this is done, and the books are read, from another process.
"""

from bridge.sandbox.appointments.diary import Diary
from bridge.sandbox.appointments.entries import Change, DiaryAppointment
from bridge.sandbox.control.calls import Call, CallLog
from bridge.sandbox.control.faults import FaultKind, InjectedFault
from bridge.sandbox.control.storms import APPOINTMENT_FAULTS, Storm
from bridge.sandbox.practice_sites import Rotas
from bridge.sandbox.running import RunningSandbox, SandboxOptions, running
from bridge.sandbox.scenario import Scenario
from bridge.sandbox.scenarios import BY_NAME, SCENARIOS
from bridge.sandbox.serving import Tls
from bridge.sandbox.standalone import serve
from bridge.sandbox.world import COMMUNITY, HOSPITAL, MAIN, NO_DIARY, OLDER

__all__ = [
    "APPOINTMENT_FAULTS",
    "BY_NAME",
    "COMMUNITY",
    "HOSPITAL",
    "MAIN",
    "NO_DIARY",
    "OLDER",
    "SCENARIOS",
    "Call",
    "CallLog",
    "Change",
    "Diary",
    "DiaryAppointment",
    "FaultKind",
    "InjectedFault",
    "Rotas",
    "RunningSandbox",
    "SandboxOptions",
    "Scenario",
    "Storm",
    "Tls",
    "running",
    "serve",
]
