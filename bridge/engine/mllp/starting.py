"""Whether sender and listener may start. Neither asks a practice, so neither needs a key to the Spine."""

from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import ValidationError

from bridge.areas.requests import Areas
from bridge.contracts.envelope import faults_of
from bridge.credentials.faults import access_faults
from bridge.engine.mllp.users import SETTING as USERS
from bridge.environment import file_faults, files_of, misspelt
from bridge.errors import Misconfigured
from bridge.ledger.keys import key_faults
from bridge.settings import ListenerSettings, MllpSettings, Settings
from bridge.traces import trace_faults


def check_sender(settings: Settings) -> None:
    """Whether a sender may start with these settings.

    Raises:
        Misconfigured: with everything that is missing, half set or unreadable.
    """
    required: dict[str, object] = {
        "BRIDGE_MLLP_PEER": settings.mllp.peer,
        "BRIDGE_PATIENT_KEY or BRIDGE_PATIENT_KEY_FILE": settings.patient.key or settings.patient.key_file,
    }
    patient = file_faults(files_of(settings, "patient"))
    keys = key_faults(settings) if settings.ledger.enabled else ()
    if not settings.ledger.enabled and not settings.sandbox:
        keys = ("BRIDGE_LEDGER_ENABLED: cannot be switched off outside the sandbox",)
    _refuse([*_missing(required), *_files(settings, "mllp"), *patient, *keys], sandbox=settings.sandbox)


def check_listener(settings: Settings) -> None:
    """Whether a listener may start with these settings.

    Raises:
        Misconfigured: with everything that is missing, half set or unreadable.
    """
    listener = settings.listener
    required: dict[str, object] = {"BRIDGE_LISTENER_PORT": listener.port, USERS: listener.users_file}
    found = [*_missing(required), *_files(settings, "listener"), *_areas(listener)]
    _refuse(found, sandbox=settings.sandbox)


def _refuse(problems: list[str], *, sandbox: bool) -> None:
    if problems := [*misspelt(Settings), *problems, *trace_faults(sandbox=sandbox)]:
        raise Misconfigured(*problems)


def _missing(required: dict[str, object]) -> Iterable[str]:
    return (f"{name}: is required" for name, value in required.items() if not value)


def _files(settings: Settings, owner: Literal["mllp", "listener"]) -> Iterator[str]:
    yield from file_faults(files_of(settings, "bus", "ledger"))
    yield from access_faults(settings)
    group: MllpSettings | ListenerSettings = getattr(settings, owner)
    prefix = f"BRIDGE_{owner}".upper()
    files = files_of(settings, owner)
    yield from file_faults({name: files[name] for name in files if name != USERS})  # that one is read whole
    if bool(group.cert_file) != bool(group.key_file):
        yield f"{prefix}_CERT_FILE and {prefix}_KEY_FILE: set both or neither"


def _areas(listener: ListenerSettings) -> Iterator[str]:
    if listener.ca_file is not None and listener.cert_file is None:
        yield "BRIDGE_LISTENER_CA_FILE: is of no use without BRIDGE_LISTENER_CERT_FILE"
    try:
        Areas.model_validate({area: {} for area in listener.areas})
    except ValidationError as error:
        yield from (f"BRIDGE_LISTENER_AREAS: {place}: {rule}" for place, rule in faults_of(error))
