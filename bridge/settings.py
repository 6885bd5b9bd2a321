"""One settings tree, read from the environment (prefix ``BRIDGE_``), every fault reported at once.

A nested name is joined by one underscore: ``BRIDGE_PDS_URL`` is ``pds.url``, ``BRIDGE_SPINE_CERT_FILE``
is ``spine.cert_file``. Secrets are given as files, or as variables, and never have a default.
"""

import contextlib
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, IPvAnyAddress, SecretStr

from bridge.addresses import WITH_ADDRESSES, each_address, password_of
from bridge.environment import file_faults, files_of, misspelt, read, secret
from bridge.errors import Misconfigured

OdsCode = Annotated[str, Field(pattern=r"^[A-Z0-9]{3,10}$")]


def _split(value: object) -> object:
    """A list is written with commas: ``RXX,RYY``."""
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


# Values that ship in examples. Outside the sandbox they are refused, so that nobody goes live on them.
KNOWN_DEFAULTS = frozenset({"changeme", "change-me", "guest", "password", "secret", "sandbox", "test"})

_PUBLIC = ("_CA_FILE", "_CERT_FILE", "_CRL_FILE")
"""How the names of files end in which there is no secret."""


_OF_A_WRITER = ("read-write", "primary", "any")
"""Which servers of a database may be meant (``target_session_attrs``): workers write."""


class _Group(BaseModel):
    # Its validator is a part of that of `Settings`: one of its own is made where a group is read by itself.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


_HeaderText = Annotated[str, Field(max_length=180, pattern=r"^[\x20-\x7e]*$")]
"""An application or a facility in MSH; with ``^`` between components, where it has several."""


class BusSettings(_Group):
    """The message bus. Without a URL an embedded NATS server is started, for one machine only."""

    url: str | None = Field(default=None, repr=False)  # it holds the password
    """``amqp://``, ``amqps://``, ``nats://`` or of another installed bus; unset starts the embedded NATS.
    Several addresses stand with commas between (`bridge.addresses`): any of them will do."""
    declare: Literal["make", "check"] = "make"
    """``check``: an administrator makes exchanges, queues and streams; we look whether they are right."""
    password: SecretStr | None = None
    """Of the user in the URL, which has none then. On NATS, where the URL has no user, the token."""
    password_file: Path | None = None
    ca_file: Path | None = None
    """The authority of the broker's certificate, and of its management API's; unset trusts the system's."""
    cert_file: Path | None = None
    """Certificate chain that we show to the broker; where the URL has no user it signs us in to RabbitMQ
    (SASL EXTERNAL)."""
    key_file: Path | None = None
    creds_file: Path | None = None
    """Of NATS: the credentials (JWT and seed) that its operator issues for a user."""
    management_url: str | None = None
    """Of RabbitMQ's management API: ``bridge doctor`` asks it for policies and rights, and whoever checks the
    queues of an administrator for their arguments and bindings; nothing else does."""
    management_user: str | None = None
    """Has the tag ``monitoring``; ``administrator``, to be told the rights of the worker's own user."""
    management_password: SecretStr | None = None
    management_password_file: Path | None = None
    replicas: Annotated[int, Field(ge=1, le=5)] | None = None
    """Of NATS: copies of each stream that is made. Unset makes three where the server is one of a cluster."""
    prefix: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")] = "gpconnect"
    """First part of every exchange, queue and stream name."""
    concurrency: Annotated[int, Field(ge=1, le=2000)] = 50
    """Requests in flight per pipeline and process: prefetch."""
    max_request_bytes: Annotated[int, Field(ge=1024)] = 256 * 1024
    """Of a request as it is on the bus; a larger one is rejected unread. A usual one has under 2 KiB."""


class PdsSettings(_Group):
    """Personal Demographics Service, FHIR R4, application-restricted access."""

    url: str | None = None
    token_url: str | None = None
    client_id: str | None = None
    """API key of the application; issuer and subject of the signed assertion."""
    key_file: Path | None = None
    """Private key (PEM, RSA 4096) that signs the assertion."""
    key_id: str | None = None
    rate_per_second: Annotated[float, Field(gt=0)] = 5.0
    """PDS allows an application 5 requests a second by default."""


class SdsSettings(_Group):
    """Spine Directory Service, FHIR R4."""

    url: str | None = None
    api_key: SecretStr | None = None
    api_key_file: Path | None = None
    rate_per_second: Annotated[float, Field(gt=0)] | None = None
    """Look-ups a second; unset sets no limit."""


class SspSettings(_Group):
    """Spine Secure Proxy."""

    url: str | None = None
    """Unset calls the practice's address directly: for tests only, refused outside the sandbox."""
    rate_per_second: Annotated[float, Field(gt=0)] | None = None
    """Calls a second to all practices together; unset sets no limit."""


class SpineSettings(_Group):
    """TLS and limits of every call to Spine and, through it, to practices."""

    ca_file: Path | None = None
    """Root and sub CA that Spine's certificates chain to."""
    cert_file: Path | None = None
    """Client certificate chain."""
    key_file: Path | None = None
    crl_file: Path | None = None
    """Revocation list (PEM) of the CA that issues the proxy's certificate; it must be current (SP-053)."""
    allowed_hosts: Annotated[tuple[str, ...], BeforeValidator(_split)] = ()
    """Host names (``host`` or ``*.domain``) a practice's address from SDS may point at."""
    connect_timeout: Annotated[float, Field(gt=0)] = 5.0
    read_timeout: Annotated[float, Field(gt=0)] = 30.0
    """Between two reads, seconds. A practice must answer in 3 s; the proxy closes after its own limit."""
    call_timeout: Annotated[float, Field(gt=0)] = 60.0
    """A whole call, seconds: a practice that drips bytes does not hold a request for ever."""
    max_response_bytes: Annotated[int, Field(gt=0)] = 64 * 1024 * 1024
    """Of a decoded body; over it the answer is refused as ``response_invalid``."""
    practice_concurrency: Annotated[int, Field(ge=1, le=2000)] = 200
    """Calls in flight to one practice and process."""
    practice_rate_per_second: Annotated[float, Field(gt=0)] | None = None
    """Calls a second to one practice; unset sets no limit."""
    practice_patience: Annotated[float, Field(gt=0)] = 3.0
    """Seconds without any answer that make a practice silent: it must answer a query in 3 s."""
    circuit_failures: Annotated[int, Field(ge=1)] = 5
    """Failures in a row after which a practice, or a national service, is not called for a while."""
    circuit_pause: Annotated[float, Field(gt=0)] = 30.0
    """Seconds until it is tried again, one call at a time."""


class ConsumerSettings(_Group):
    """Who this installation is, towards Spine and in every token."""

    endpoint_url: str | None = None
    """``iss`` of the token: URL of the consumer's Spine endpoint (SP-064)."""
    supplier_ods: OdsCode | None = None
    """Manufacturer of the consumer system: filters the own-ASID look-up (SP-018)."""
    organisations: Annotated[tuple[OdsCode, ...], BeforeValidator(_split)] = ()
    """ODS codes of the organisations whose users may ask through this installation."""
    product: str = "gpconnect-bridge"
    device_id: str | None = None
    """Identifies this installation in ``requesting_device``."""
    identifier_system: str | None = None
    """Supplier URL that scopes the device id and local user ids (SP-071, SP-076)."""


class EventsSettings(_Group):
    """How events are named."""

    type_prefix: Annotated[str, Field(pattern=r"^[a-z0-9]+(\.[a-z0-9-]+)*$")] = "uk.nhs.gpconnect"
    """Reverse-DNS root of the CloudEvents ``type``."""
    source: str = "/gpconnect-bridge"
    schema_base: str | None = None
    """Where the site serves the files of ``bridge schemas``; becomes ``dataschema`` of each event."""


class R4Settings(_Group):
    """Records in FHIR R4 (`bridge.renderings.fhir_r4`)."""

    profile: Literal["ukcore-current", "pair-2022"] = "ukcore-current"
    """``ukcore-current``: as UK Core has it. ``pair-2022``: as the pairs that the NHS published in 2022."""


class Hl7v2Settings(_Group):
    """HL7 v2 messages (`bridge.renderings.hl7v2`): what is agreed with whoever receives them."""

    sending_application: _HeaderText = "GPCONNECT"
    """MSH-3."""
    sending_facility: _HeaderText | None = None
    """MSH-4: the ODS code of the trust, as a rule."""
    receiving_application: _HeaderText | None = None
    """MSH-5."""
    receiving_facility: _HeaderText | None = None
    """MSH-6."""
    processing_id: Literal["P", "T", "D"] = "P"
    """MSH-11: production, training or debugging."""
    charset: Literal["UNICODE UTF-8", "8859/1"] = "UNICODE UTF-8"
    """MSH-18. With ``8859/1`` a message that has any other character is withheld; none is replaced."""
    allergies: Literal["snapshot", "changes"] = "snapshot"
    """``snapshot``: a list that replaces another one (ADT^A31). ``changes``: an update of each (ADT^A60)."""


class ClaimsSettings(_Group):
    """Claim checks: events too large for the bus carry a reference, and their data is fetched by HTTPS."""

    url: str | None = None
    """Where consumers reach the endpoint, ``https://host[:port]``; unset publishes every event whole."""
    above_bytes: Annotated[int, Field(ge=1024)] = 256 * 1024
    """A larger event is published with a reference in place of its data."""
    keep_days: Annotated[int, Field(ge=1)] = 7
    """How long the data waits for its consumers."""
    consumers_file: Path | None = None
    """Who may fetch: a line each, a name and the SHA-256 of a token (``bridge keys consumer``)."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    cert_file: Path | None = None
    """Certificate chain of the endpoint; required outside the sandbox."""
    key_file: Path | None = None
    ca_file: Path | None = None
    """The authority that issued the consumers' certificates; set, every consumer must show one."""


class DocumentsSettings(_Group):
    """Documents of practices (`bridge.engine.documents`)."""

    max_bytes: Annotated[int, Field(ge=1024)] = 5 * 1024 * 1024
    """Of one document; a practice gives out none over 5 MB (documents §4)."""


class ScanSettings(_Group):
    """The malware scanner through which every document goes (`bridge.engine.scanning`)."""

    url: Annotated[str, Field(pattern=r"^(unix:///|tcp://|icap://)[\x21-\x7e]+$")] | None = None
    """Of clamd, ``unix:///run/clamav/clamd.ctl`` or ``tcp://host:3310``, or of an ICAP service,
    ``icap://host:1344/service``; unset scans nothing, and says so."""
    timeout: Annotated[float, Field(gt=0)] = 30.0
    """Seconds to connect, for each piece, and for the verdict."""
    when_unavailable: Literal["fail", "publish"] = "fail"
    """Without a verdict: try again and then fail, or publish the document as ``not_scanned``."""


class PatientSettings(_Group):
    """The site key that turns an NHS number into ``patientkey``."""

    key: SecretStr | None = None
    key_file: Path | None = None


class VaultSettings(_Group):
    """Where answers and large events are kept, sealed (`bridge.ledger.vault.vault`)."""

    keys_file: Path | None = None
    """Key ring that seals patient data; required outside the sandbox, which makes its own."""
    keep_answers_days: Annotated[int, Field(ge=0)] = 30
    """How long raw answers are kept; 0 keeps none, only what is known about them."""


class AuditSettings(_Group):
    """The audit trail (`bridge.ledger.audit.trail`). It is always on: nothing here turns it off."""

    keys_file: Path | None = None
    """Key ring that chains the entries; required outside the sandbox, which makes its own."""


class OffersSettings(_Group):
    """Offers of free slots, as they are given out and taken back (`bridge.gpconnect.offers`)."""

    valid_for: Annotated[float, Field(ge=60, le=7 * 86400)] = 86400.0
    """Seconds for which an offer may be booked: a day, as for a trace on PDS."""
    unsigned_until: AwareDatetime | None = None
    """Until when offers without a signature are taken, for an upgrade from a release that signed none."""


class RetrySettings(_Group):
    """Automated retries of transient faults."""

    attempts: Annotated[int, Field(ge=0, le=3)] = 3
    """Retries after the first try: at most 3 (SP-037)."""
    switch_file: Path | None = None
    """Stops retries while it exists (`bridge.engine.kill_switch`); else ``stop-retries`` in ``state_dir``."""
    first_delay: Annotated[float, Field(gt=0)] = 5.0
    max_delay: Annotated[float, Field(gt=0)] = 300.0
    longest_wait: Annotated[float, Field(gt=0)] = 3600.0
    """The longest ``Retry-After`` that is waited for, seconds; over it the request fails at once."""
    settle_after: Annotated[float, Field(gt=0)] | None = None
    """Seconds after the end of a try by which what it sent must have ended too, so that a practice may be
    asked what became of it; unset is ``spine.call_timeout``. Not below the time-out of the Spine proxy."""
    check_pause: Annotated[float, Field(gt=0)] = 3600.0
    """The longest pause between two checks of a request in doubt, seconds; the first ones are shorter."""
    give_up_after: Annotated[float, Field(gt=0)] = 72 * 3600.0
    """Seconds for which a request in doubt is checked again; then a person must find out."""


class LedgerSettings(_Group):
    """Where requests, intents, events and their ends are kept."""

    enabled: bool = True
    """False writes nothing down, also no audit trail: to measure its cost, in the sandbox only."""
    url: Annotated[str, Field(pattern=r"^postgres(ql)?://")] | None = Field(default=None, repr=False)
    """``postgresql://…`` as libpq reads it, for several workers; unset is SQLite in ``state_dir``. Of several
    servers that which takes writes is used."""
    password: SecretStr | None = None
    """Of the role in the URL, which has none then."""
    password_file: Path | None = None
    ca_file: Path | None = None
    """The authority of the server's certificate; unset trusts the system's."""
    cert_file: Path | None = None
    """Certificate chain that we show to the server."""
    key_file: Path | None = None
    connections: Annotated[int, Field(ge=2, le=100)] = 10
    """To PostgreSQL, per process."""
    lease_seconds: Annotated[float, Field(gt=0)] = 20.0
    """How long a worker that died keeps its requests from the others, while somebody waits for the answer.
    Live ones renew three times as often."""
    keep_bodies_days: Annotated[int, Field(ge=0)] = 30
    """Events and payloads (sealed), after their request ended."""
    keep_failed_messages_days: Annotated[int, Field(ge=0)] = 30
    """What was asked by requests that failed (sealed), for ``bridge replay``, after they ended, and no longer
    than events. 0 keeps none: then none can be asked again."""
    keep_change_bases_days: Annotated[int, Field(ge=1)] = 90
    """What the next answer about a patient is compared with to tell changes (sealed), after the last one."""
    keep_metadata_days: Annotated[int, Field(ge=1)] = 2920
    """Everything else about a request, after it ended: eight years."""
    partitions: Literal["month", "day"] = "month"
    """What a partition of a table of bodies holds on PostgreSQL; pruning drops one that is over."""


class LogSettings(_Group):
    """Structured logs on stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class HealthSettings(_Group):
    """``/livez``, ``/readyz`` and ``/metrics``."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Unset serves none."""


class MetricsSettings(_Group):
    """``/metrics``, on the port of ``/readyz`` (`bridge.figures`)."""

    by_practice: bool = False
    """Name the practice in figures about practices: up to 6,500 series more for each worker."""


class ConsoleSettings(_Group):
    """The console for operators in a browser (`bridge.console`)."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8480
    url: str | None = None
    """Where browsers reach it, ``https://host[:port]``; no other Host is answered. Unset: its own."""
    cert_file: Path | None = None
    """Its certificate chain; outside the sandbox this or a proxy is required."""
    key_file: Path | None = None
    ca_file: Path | None = None
    """The authority that issued the browsers' certificates; set, every browser must show one."""
    proxies: Annotated[tuple[IPvAnyAddress, ...], BeforeValidator(_split)] = ()
    """Addresses of the proxies that end TLS before it; nobody else is answered then."""
    idle_minutes: Annotated[float, Field(gt=0, le=120)] = 15.0
    """A session ends after so long without a request."""
    session_minutes: Annotated[float, Field(gt=0, le=1440)] = 480.0
    """And after so long in any case."""
    users_file: Path | None = None
    """Users of its own, with hashed passwords (``bridge console user add``)."""
    oidc_issuer: str | None = None
    """URL of the OpenID provider: ``/.well-known/openid-configuration`` is looked for below it."""
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_client_secret_file: Path | None = None
    oidc_ca_file: Path | None = None
    """The authority that issued the provider's certificate; unset trusts those of the system."""
    oidc_cert_file: Path | None = None
    """Certificate chain that the console shows to the provider, where it asks for one."""
    oidc_key_file: Path | None = None
    oidc_scope: str = "openid profile"
    oidc_user_claim: str = "sub"
    """The claim of the ID token that names the user for the audit trail."""
    oidc_roles_claim: str = "roles"
    """The claim that lists what the user may do; dots lead into objects (``realm_access.roles``)."""
    oidc_roles: Annotated[tuple[str, ...], BeforeValidator(_split)] = ()
    """Which value of it gives which role: ``their-value=role``."""


class MllpSettings(_Group):
    """The peer to which rendered HL7 v2 messages are sent by MLLP (`bridge.engine.mllp`)."""

    peer: Annotated[str, Field(pattern=r"^mllps?://[A-Za-z0-9.-]+:[0-9]{1,5}$")] | None = None
    """``mllps://host:port`` with TLS, ``mllp://host:port`` without; unset sends nothing."""
    connections: Annotated[int, Field(ge=1, le=100)] = 1
    """To the peer at the same time, one message at a time on each."""
    connect_timeout: Annotated[float, Field(gt=0)] = 5.0
    ack_timeout: Annotated[float, Field(gt=0)] = 30.0
    """Seconds that the peer has for its acknowledgement; after that the message is sent again."""
    ca_file: Path | None = None
    """The authority that issued the peer's certificate; unset trusts those of the system."""
    cert_file: Path | None = None
    """Certificate chain that we show to the peer, where it asks for one."""
    key_file: Path | None = None
    give_up_after: Annotated[float, Field(gt=0)] = 72 * 3600.0
    """Seconds for which a message is sent again that the peer answers with an error (AE, CE), or not at all;
    then it is a dead letter. A peer that cannot be connected to is waited for without an end."""


class ListenerSettings(_Group):
    """The MLLP listener: ADT messages of the hospital that ask for records (`bridge.engine.mllp`)."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    cert_file: Path | None = None
    """Certificate chain of the listener; unset takes connections without TLS."""
    key_file: Path | None = None
    ca_file: Path | None = None
    """The authority that issued the clients' certificates; set, every client must show one."""
    users_file: Path | None = None
    """Who the users are that messages name: EVN-5, or PV1-7 (`bridge.engine.mllp.users`)."""
    triggers: Annotated[tuple[str, ...], BeforeValidator(_split)] = (
        "ADT^A01",
        "ADT^A04",
        "ADT^A05",
        "ADT^A28",
        "ADT^A31",
    )
    """Messages (MSH-9) that ask for a record."""
    areas: Annotated[tuple[str, ...], BeforeValidator(_split)] = ("medications", "allergies")
    """The clinical areas that are asked for, each with its default options."""
    processing_id: Annotated[str, Field(pattern=r"^[PTD]$")] = "P"
    """The only MSH-11 that is taken: a message for training asks nothing of a practice."""
    nhs_authorities: Annotated[tuple[str, ...], BeforeValidator(_split)] = (
        "NHS",
        "2.16.840.1.113883.2.1.4.1",
    )
    """How senders name the authority of NHS numbers in PID-3.4: by name, or by OID."""
    max_bytes: Annotated[int, Field(ge=1024)] = 256 * 1024
    """Of a message; the connection of a larger one is closed."""
    max_connections: Annotated[int, Field(ge=1, le=1000)] = 50
    idle_seconds: Annotated[float, Field(gt=0)] = 3600.0
    """A connection is closed after so long without a message."""
    frame_seconds: Annotated[float, Field(gt=0)] = 30.0
    """How long a message may take to arrive once it has begun."""
    ack_seconds: Annotated[float, Field(gt=0)] = 10.0
    """How long the broker may take to hold the request; then the answer is AE, and the sender sends again."""


class Settings(BaseModel):
    """Everything the engine can be told. Sections are documented at their classes."""

    model_config = ConfigDict(extra="ignore", frozen=True, validate_default=True)

    sandbox: bool = False
    """True against the sandbox only: allows http, a missing proxy and known default secrets."""
    state_dir: Path = Path(".bridge")
    request_timeout: Annotated[float, Field(gt=0)] = 120.0
    """Seconds one try of a request may take, everything included."""
    stop_grace: Annotated[float, Field(gt=0)] = 60.0
    """Seconds that in-flight requests get to finish after SIGTERM."""

    # Groups in which nothing is set. They are not validated: that would make a validator of each.
    bus: BusSettings = BusSettings.model_construct()
    pds: PdsSettings = PdsSettings.model_construct()
    sds: SdsSettings = SdsSettings.model_construct()
    ssp: SspSettings = SspSettings.model_construct()
    spine: SpineSettings = SpineSettings.model_construct()
    consumer: ConsumerSettings = ConsumerSettings.model_construct()
    events: EventsSettings = EventsSettings.model_construct()
    renderings: Annotated[tuple[str, ...], BeforeValidator(_split)] = ()
    """Further forms in which every answer is published (`bridge.renderings.table`): ``r4``, ``hl7v2``."""
    r4: R4Settings = R4Settings.model_construct()
    hl7v2: Hl7v2Settings = Hl7v2Settings.model_construct()
    claims: ClaimsSettings = ClaimsSettings.model_construct()
    documents: DocumentsSettings = DocumentsSettings.model_construct()
    scan: ScanSettings = ScanSettings.model_construct()
    patient: PatientSettings = PatientSettings.model_construct()
    vault: VaultSettings = VaultSettings.model_construct()
    audit: AuditSettings = AuditSettings.model_construct()
    offers: OffersSettings = OffersSettings.model_construct()
    retry: RetrySettings = RetrySettings.model_construct()
    ledger: LedgerSettings = LedgerSettings.model_construct()
    log: LogSettings = LogSettings.model_construct()
    health: HealthSettings = HealthSettings.model_construct()
    metrics: MetricsSettings = MetricsSettings.model_construct()
    console: ConsoleSettings = ConsoleSettings.model_construct()
    mllp: MllpSettings = MllpSettings.model_construct()
    listener: ListenerSettings = ListenerSettings.model_construct()

    @classmethod
    def load(
        cls,
        *,
        check: Callable[[Self], None] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """Read the environment.

        Args:
            check: what a command needs of them, e.g. `bridge.engine.worker.check`.
            environ: variables that are read instead of the process's own.

        Raises:
            Misconfigured: with every malformed value and misspelt name by its variable, and, together with
                them, all that `check` finds.
        """
        return read(cls, check, environ)

    def check(self, *, also: Iterable[str] = ()) -> None:
        """Whether a worker may start with these settings.

        Args:
            also: faults that parts found in files of their own, reported together with the others.

        Raises:
            Misconfigured: with everything that is missing, half set, unreadable or unsafe.
        """
        problems = [
            *misspelt(type(self)),
            *self._missing(),
            *self._addresses(),
            *self._files(),
            *self._unsafe(),
            *also,
        ]
        if problems:
            raise Misconfigured(*problems)

    def _missing(self) -> Iterator[str]:
        required: dict[str, object] = {
            "BRIDGE_PDS_URL": self.pds.url,
            "BRIDGE_PDS_TOKEN_URL": self.pds.token_url,
            "BRIDGE_PDS_CLIENT_ID": self.pds.client_id,
            "BRIDGE_PDS_KEY_FILE": self.pds.key_file,
            "BRIDGE_PDS_KEY_ID": self.pds.key_id,
            "BRIDGE_SDS_URL": self.sds.url,
            "BRIDGE_SDS_API_KEY or BRIDGE_SDS_API_KEY_FILE": self.sds.api_key or self.sds.api_key_file,
            "BRIDGE_CONSUMER_ENDPOINT_URL": self.consumer.endpoint_url,
            "BRIDGE_CONSUMER_SUPPLIER_ODS": self.consumer.supplier_ods,
            "BRIDGE_CONSUMER_ORGANISATIONS": self.consumer.organisations,
            "BRIDGE_CONSUMER_DEVICE_ID": self.consumer.device_id,
            "BRIDGE_CONSUMER_IDENTIFIER_SYSTEM": self.consumer.identifier_system,
            "BRIDGE_SPINE_ALLOWED_HOSTS": self.spine.allowed_hosts,
            "BRIDGE_PATIENT_KEY or BRIDGE_PATIENT_KEY_FILE": self.patient.key or self.patient.key_file,
        }
        if not self.sandbox:
            required |= {
                "BRIDGE_SSP_URL": self.ssp.url,
                "BRIDGE_SPINE_CA_FILE": self.spine.ca_file,
                "BRIDGE_SPINE_CERT_FILE": self.spine.cert_file,
                "BRIDGE_SPINE_KEY_FILE": self.spine.key_file,
            }
        yield from (f"{name}: is required" for name, value in required.items() if not value)
        if self.bus.declare == "check" and self.bus.url is None:
            yield "BRIDGE_BUS_URL: is required with BRIDGE_BUS_DECLARE=check"
        for prefix, group in (("SPINE", self.spine), ("BUS", self.bus), ("LEDGER", self.ledger)):
            if bool(group.cert_file) != bool(group.key_file):
                yield f"BRIDGE_{prefix}_CERT_FILE and BRIDGE_{prefix}_KEY_FILE: set both or neither"
        if self.claims.url is not None:
            yield from self._missing_for_claims()
        if self.hl7v2.allergies == "changes" and "changes" not in self.renderings:
            yield "BRIDGE_RENDERINGS: must name changes, which BRIDGE_HL7V2_ALLERGIES=changes is made with"

    def _addresses(self) -> Iterator[str]:
        """What is wrong with URLs that may name several addresses."""
        urls = {"BRIDGE_LEDGER_URL": self.ledger.url}
        if self.bus.url and self.bus.url.partition("://")[0].lower() in WITH_ADDRESSES:
            urls["BRIDGE_BUS_URL"] = self.bus.url
        for name, url in urls.items():
            try:
                each_address(url or "", name)
            except Misconfigured as fault:
                yield from fault.problems
        if self.bus.replicas and (self.bus.url or "").partition("://")[0].lower() in ("amqp", "amqps"):
            yield "BRIDGE_BUS_REPLICAS: is of NATS, and BRIDGE_BUS_URL is not"
        for wanted in parse_qs((self.ledger.url or "").partition("?")[2]).get("target_session_attrs", ()):
            if wanted not in _OF_A_WRITER:
                yield f"BRIDGE_LEDGER_URL: target_session_attrs must be {', '.join(_OF_A_WRITER)}"

    def _missing_for_claims(self) -> Iterator[str]:
        claims = self.claims
        required: dict[str, object] = {
            "BRIDGE_CLAIMS_PORT": claims.port,
            "BRIDGE_CLAIMS_CONSUMERS_FILE": claims.consumers_file,
            "BRIDGE_LEDGER_ENABLED": self.ledger.enabled,
        }
        if not self.sandbox:
            required |= {
                "BRIDGE_CLAIMS_CERT_FILE": claims.cert_file,
                "BRIDGE_CLAIMS_KEY_FILE": claims.key_file,
            }
        yield from (
            f"{name}: is required with BRIDGE_CLAIMS_URL" for name, value in required.items() if not value
        )

    def _files(self) -> Iterator[str]:
        groups = ("pds", "sds", "spine", "patient", "bus", "ledger", "claims")
        return file_faults(files_of(self, *groups))

    @property
    def exposed_secrets(self) -> tuple[str, ...]:
        """The settings whose secret lies in a file that every user of the machine may read."""
        return tuple(self._secrets_with(stat.S_IROTH))

    def _secrets_with(self, rights: int) -> Iterator[str]:
        groups = ("pds", "sds", "spine", "patient", "vault", "audit", "bus", "ledger", "claims", "mllp")
        for name, path in files_of(self, *groups, "listener", "console").items():
            with contextlib.suppress(OSError):  # what cannot be read is told of elsewhere
                if not name.endswith(_PUBLIC) and path.stat().st_mode & rights:
                    yield name

    def _unsafe(self) -> Iterator[str]:
        if self.sandbox:
            return
        yield from (
            f"{name}: every user of this machine may write to the file"
            for name in self._secrets_with(stat.S_IWOTH)
        )
        urls = {
            "BRIDGE_PDS_URL": self.pds.url,
            "BRIDGE_PDS_TOKEN_URL": self.pds.token_url,
            "BRIDGE_SDS_URL": self.sds.url,
            "BRIDGE_SSP_URL": self.ssp.url,
            "BRIDGE_CLAIMS_URL": self.claims.url,
            "BRIDGE_BUS_MANAGEMENT_URL": self.bus.management_url,
        }
        yield from (
            f"{name}: must be https outside the sandbox"
            for name, url in urls.items()
            if url and urlsplit(url).scheme != "https"
        )
        if not self.ledger.enabled:
            yield "BRIDGE_LEDGER_ENABLED: cannot be switched off outside the sandbox"
        if self.settle_after < self.spine.call_timeout:
            # What is still being sent would be found not done, and be done afterwards.
            yield "BRIDGE_RETRY_SETTLE_AFTER: must not be below BRIDGE_SPINE_CALL_TIMEOUT"
        secrets = {
            "BRIDGE_SDS_API_KEY": self._known("sds", "api_key"),
            "BRIDGE_PATIENT_KEY": self._known("patient", "key"),
            "BRIDGE_CONSOLE_OIDC_CLIENT_SECRET": self._known("console", "oidc_client_secret"),
            "BRIDGE_BUS_MANAGEMENT_PASSWORD": self._known("bus", "management_password"),
            "BRIDGE_BUS_PASSWORD": self._known("bus", "password"),
            "BRIDGE_BUS_URL": password_of(self.bus.url or ""),
            "BRIDGE_LEDGER_PASSWORD": self._known("ledger", "password"),
            "BRIDGE_LEDGER_URL": password_of(self.ledger.url or ""),
        }
        yield from (
            f"{name}: is a known default, which only the sandbox may use"
            for name, value in secrets.items()
            if value and value.casefold() in KNOWN_DEFAULTS
        )

    @property
    def leaves_queues_to_administrator(self) -> bool:
        """Whether nothing is declared on the broker; the embedded one is always our own."""
        return self.bus.declare == "check" and self.bus.url is not None

    @property
    def settle_after(self) -> float:
        """Seconds before a side effect whose answer is lost may be settled."""
        return self.retry.settle_after or self.spine.call_timeout

    @property
    def sds_api_key(self) -> str | None:
        """The SDS API key; of this and the others see `bridge.environment.secret`."""
        return secret(self, "sds", "api_key")

    @property
    def bus_password(self) -> str | None:
        """The password that ``BRIDGE_BUS_URL`` leaves out."""
        return secret(self, "bus", "password")

    @property
    def management_password(self) -> str | None:
        """The password for the broker's management API."""
        return secret(self, "bus", "management_password")

    @property
    def ledger_password(self) -> str | None:
        """The password that ``BRIDGE_LEDGER_URL`` leaves out."""
        return secret(self, "ledger", "password")

    @property
    def patient_key(self) -> str | None:
        """The site key of ``patientkey``."""
        return secret(self, "patient", "key")

    @property
    def oidc_client_secret(self) -> str | None:
        """What the console proves itself with to the OpenID provider."""
        return secret(self, "console", "oidc_client_secret")

    def _known(self, group: str, name: str) -> str | None:
        with contextlib.suppress(Misconfigured):  # a file that cannot be read is told of with the others
            return secret(self, group, name)
        return None
