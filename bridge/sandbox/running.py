"""Starts the four servers inside an event loop and stops them again."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bridge.sandbox.appointments.diary import Diary
from bridge.sandbox.care_record.cases import section_faults
from bridge.sandbox.control.board import EVERYBODY, FaultBoard
from bridge.sandbox.control.calls import Call, CallLog
from bridge.sandbox.control.faults import InjectedFault
from bridge.sandbox.control.remote import PREFIX, Control
from bridge.sandbox.control.storms import Storm
from bridge.sandbox.keys import SandboxKeys, keys_in
from bridge.sandbox.patients import PatientIndex
from bridge.sandbox.people import PdsRegistration
from bridge.sandbox.practice import Practices
from bridge.sandbox.practice_sites import PracticeSites, Rotas
from bridge.sandbox.scenarios import SCENARIOS
from bridge.sandbox.serving import Tls, listening, serving
from bridge.sandbox.spine.pds import SandboxPds, Tokens
from bridge.sandbox.spine.proxy import DirectForward, Forward, HttpForward, SandboxProxy
from bridge.sandbox.spine.sds import SandboxSds
from bridge.sandbox.structured.record import Record
from bridge.sandbox.structured.store import RecordFile, RecordStore, read_folder
from bridge.sandbox.web import App, AsgiReceive, AsgiScope, AsgiSend, server
from bridge.sandbox.world import CONSUMERS, SUPPLIER_ODS

_PDS_PATH = "/personal-demographics/FHIR/R4"
_TOKEN_PATH = "/oauth2/token"  # noqa: S105 - a path
_SDS_PATH = "/spine-directory/FHIR/R4"
_CLIENT_ID = "sandbox-application"
_KEY_ID = "sandbox-1"
_UNLIMITED = 1000.0


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """How a sandbox is to be.

    Attributes:
        state_dir: its keys are kept in ``sandbox`` under this folder.
        ports: of PDS, SDS, proxy and practice, in this order; 0 takes any that is free.
        records: folder of bundle files to serve besides the scenario patients.
        scenario_faults: whether the scenarios' own faults are on at the start.
        practice_delay: seconds that every practice takes for an answer.
        proxy_timeout: seconds after which the proxy gives up on a practice with 504.
        pds_rate: requests a second that PDS allows; None is without a limit. The real one allows 5.
        token_lifetime: of a PDS token, seconds.
        strict: False reads requests just enough to answer and passes them on without a second
            connection, so that a benchmark measures the worker and not the sandbox.
        compress: whether practices answer in gzip when it is accepted.
        keep_calls: whether `RunningSandbox.calls` remembers; a benchmark wants it off.
        keep_exchanges: whether each call keeps what was sent and answered too, to report on a consumer.
        on_call: hears of every call when it has ended.
        patients: how many people there are besides those of the scenarios (`RunningSandbox.crowd`).
        rotas: how the practices' appointment books are made.
    """

    state_dir: Path = Path(".bridge")
    host: str = "127.0.0.1"
    ports: tuple[int, int, int, int] = (0, 0, 0, 0)
    records: Path | None = None
    scenario_faults: bool = True
    practice_delay: float = 0.0
    proxy_timeout: float = 20.0
    pds_rate: float | None = None
    token_lifetime: int = 599
    strict: bool = True
    compress: bool = True
    keep_calls: bool = True
    keep_exchanges: bool = False
    tls: Tls | None = None
    on_call: Callable[[Call], None] | None = None
    patients: int = 0
    rotas: Rotas = field(default_factory=Rotas)


@dataclass(slots=True)
class RunningSandbox:
    """A sandbox that answers.

    Attributes:
        urls: base address of ``pds``, ``token``, ``sds``, ``proxy``, ``practice`` and ``control``.
        environment: every variable that a worker needs to use it.
        calls: what each server saw.
        files: the bundle files that are served.
        unreadable: why other files of the folder are not, by name.
        crowd: the people there are besides those of the scenarios, with the practice of each.
    """

    urls: dict[str, str]
    environment: dict[str, str]
    calls: CallLog
    files: list[RecordFile]
    unreadable: dict[str, str]
    crowd: tuple[PdsRegistration, ...]
    _faults: FaultBoard
    _practice: Practices = field(repr=False)
    _tokens: Tokens = field(repr=False)
    _store: RecordStore = field(repr=False)
    _switch_on: Callable[[], None] = field(repr=False)

    def fault(self, key: str, fault: InjectedFault) -> None:
        """Switch a fault on for an NHS number, an ODS code, or ``*``. SDS knows ODS codes only."""
        self._faults.set(key, fault)

    def storm(self, storm: Storm, key: str = EVERYBODY) -> None:
        """Let chance decide what goes wrong for an NHS number, an ODS code, or everybody."""
        self._faults.set_storm(key, storm)

    def clear_faults(self, key: str | None = None) -> None:
        """Switch off every fault and storm of `key`, or all of them, those of the scenarios too."""
        self._faults.clear(key)

    def diary(self, ods: str) -> Diary:
        """The appointment book of a practice, with the history of every appointment.

        Raises:
            KeyError: there is no such practice.
        """
        return self._practice.surgeries[ods].diary

    def patients_at(self, ods: str) -> PatientIndex:
        """Whom a practice has in its index, with their logical ids.

        Raises:
            KeyError: there is no such practice.
        """
        return self._practice.surgeries[ods].patients

    def change_record(self, nhs_number: str, change: Callable[[Record], None]) -> None:
        """Let a patient's practice hold something else from now on, as time goes by.

        Args:
            nhs_number: of a scenario's patient.
            change: changes the record in place.

        Raises:
            KeyError: no scenario has a record under this NHS number.
        """
        self._store.change(nhs_number, change)

    def reset(self) -> None:
        """As at the start: only the scenarios' own faults, records and appointments, and no calls."""
        self._faults.clear()
        self._store.reset()
        self._switch_on()
        self._practice.reset()
        self.calls.clear()

    def revoke_tokens(self) -> None:
        """Make PDS forget the tokens it gave out, so that the next call gets 401."""
        self._tokens.revoke()


@asynccontextmanager
async def running(options: SandboxOptions | None = None) -> AsyncIterator[RunningSandbox]:
    """Run the four servers in this event loop.

    Raises:
        OSError: a port is taken, or the state folder cannot be written.
    """
    options = options or SandboxOptions()
    keys = keys_in(options.state_dir / "sandbox")
    files, unreadable = read_folder(options.records) if options.records else ([], {})
    closing = asyncio.Event()
    with listening(options.host, options.ports) as sockets:
        scheme = "https" if options.tls else "http"
        bases = {name: f"{scheme}://{options.host}:{sock.getsockname()[1]}" for name, sock in sockets.items()}
        async with _client(options) as client:
            sandbox, apps = _build(options, keys, files, unreadable, bases, client, closing)
            async with serving(apps, sockets, closing, options.tls):
                yield sandbox


def _build(
    options: SandboxOptions,
    keys: SandboxKeys,
    files: list[RecordFile],
    unreadable: dict[str, str],
    bases: dict[str, str],
    client: httpx.AsyncClient,
    closing: asyncio.Event,
) -> tuple[RunningSandbox, dict[str, App]]:
    calls = CallLog(options.on_call, keep=options.keep_calls, exchanges=options.keep_exchanges)
    faults = FaultBoard()

    def switch_on() -> None:
        for scenario in SCENARIOS:
            if scenario.fault and options.scenario_faults:
                faults.set(scenario.nhs_number, scenario.fault)
        for key, fault in section_faults() if options.scenario_faults else ():
            faults.set(key, fault)

    switch_on()
    store = RecordStore(files, options.patients)
    urls = {
        "pds": bases["pds"] + _PDS_PATH,
        "token": bases["pds"] + _TOKEN_PATH,
        "sds": bases["sds"] + _SDS_PATH,
        "proxy": bases["proxy"],
        "practice": bases["practice"],
        "control": bases["practice"] + PREFIX.rstrip("/"),
    }
    tokens = Tokens(
        url=urls["token"],
        client_id=_CLIENT_ID,
        key_id=_KEY_ID,
        public_key=keys.public_key,
        lifetime=options.token_lifetime,
        calls=calls,
    )
    pds = SandboxPds(
        path=_PDS_PATH,
        token_path=_TOKEN_PATH,
        tokens=tokens,
        registrations=store.registrations,
        rate=options.pds_rate,
        faults=faults,
    )
    sds = SandboxSds(
        path=_SDS_PATH,
        base=bases["sds"],
        practices=bases["practice"],
        api_key=keys.sds_api_key,
        faults=faults,
    )
    surgeries = PracticeSites(
        options.rotas,
        on_pds=store.registrations,
        held_at=store.held_at,
        prepared={one.nhs_number: one.diary for one in SCENARIOS if one.diary},
    )
    practice = Practices(
        base=bases["practice"],
        store=store,
        surgeries=surgeries,
        faults=faults,
        calls=calls,
        strict=options.strict,
        delay=options.practice_delay,
        compress=options.compress,
    )
    forward: Forward = (
        HttpForward(client) if options.strict else DirectForward(practice.handle, bases["practice"])
    )
    proxy = SandboxProxy(practices=bases["practice"], forward=forward, faults=faults, whose=practice.whose)
    environment = _environment(options, keys, urls)
    sandbox = RunningSandbox(
        urls,
        environment,
        calls,
        files,
        unreadable,
        store.crowd,
        _faults=faults,
        _practice=practice,
        _tokens=tokens,
        _store=store,
        _switch_on=switch_on,
    )
    steering = Control(faults, calls, diary=sandbox.diary, reset=sandbox.reset)
    control = server("control", steering.handle, CallLog(keep=False), closing)
    apps = {
        "pds": server("pds", pds.handle, calls, closing),
        "sds": server("sds", sds.handle, calls, closing),
        "proxy": server("proxy", proxy.handle, calls, closing),
        "practice": _with_control(server("practice", practice.handle, calls, closing), control),
    }
    return sandbox, apps


def _environment(options: SandboxOptions, keys: SandboxKeys, urls: Mapping[str, str]) -> dict[str, str]:
    environment = {
        "BRIDGE_SANDBOX": "true",
        "BRIDGE_PDS_URL": urls["pds"],
        "BRIDGE_PDS_TOKEN_URL": urls["token"],
        "BRIDGE_PDS_CLIENT_ID": _CLIENT_ID,
        "BRIDGE_PDS_KEY_FILE": str(keys.private_key_file.resolve()),
        "BRIDGE_PDS_KEY_ID": _KEY_ID,
        "BRIDGE_PDS_RATE_PER_SECOND": str(options.pds_rate or _UNLIMITED),
        "BRIDGE_SDS_URL": urls["sds"],
        "BRIDGE_SDS_API_KEY": keys.sds_api_key,
        "BRIDGE_SSP_URL": urls["proxy"],
        "BRIDGE_SPINE_ALLOWED_HOSTS": options.host,
        "BRIDGE_CONSUMER_ENDPOINT_URL": "https://gpconnect.rzz01.example",
        "BRIDGE_CONSUMER_SUPPLIER_ODS": SUPPLIER_ODS,
        "BRIDGE_CONSUMER_ORGANISATIONS": ",".join(consumer.ods for consumer in CONSUMERS),
        "BRIDGE_CONSUMER_DEVICE_ID": "sandbox-device",
        "BRIDGE_CONSUMER_IDENTIFIER_SYSTEM": "https://gpconnect.rzz01.example/Id",
        "BRIDGE_PATIENT_KEY": keys.patient_key,
    }
    tls = options.tls
    if tls:
        environment["BRIDGE_SPINE_CA_FILE"] = str(tls.ca_file)
        if tls.client_cert_file and tls.client_key_file:
            environment["BRIDGE_SPINE_CERT_FILE"] = str(tls.client_cert_file)
            environment["BRIDGE_SPINE_KEY_FILE"] = str(tls.client_key_file)
    return environment


def _with_control(practice: App, control: App) -> App:
    async def app(scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        chosen = control if scope["raw_path"].startswith(PREFIX.encode()) else practice
        await chosen(scope, receive, send)

    return app


def _client(options: SandboxOptions) -> httpx.AsyncClient:
    """The proxy's way to the practices."""
    verify: bool | ssl.SSLContext = True
    if options.tls:
        verify = ssl.create_default_context(cafile=options.tls.ca_file)
        verify.load_cert_chain(options.tls.cert_file, options.tls.key_file)
    return httpx.AsyncClient(
        verify=verify,
        timeout=options.proxy_timeout,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=100),
        trust_env=False,
    )
