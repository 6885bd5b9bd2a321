"""``information-governance.md``: which data flows where, what is kept how, and who can read it.

What is kept is ``stored.toml``, a row for each column of the ledger; retention and secrets are read from the
settings. The rest is the template.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic.fields import FieldInfo

from bridge.assurance.pack import PackFacts, PackPart, PartSummary
from bridge.assurance.pages import Pages
from bridge.settings import Settings

StoredKind = Literal["sealed", "pseudonym", "staff", "words", "link", "place", "proof", "fact"]
KINDS: Final[tuple[StoredKind, ...]] = get_args(StoredKind)
_PERSONAL: Final[Mapping[StoredKind, str]] = {
    "sealed": "sealed",
    "pseudonym": "keyed hash of a patient",
    "staff": "staff",
    "words": "words of an operator",
    "link": "ids that lead to a request",
}
_PUBLIC: Final = ("_CA_FILE", "_CERT_FILE", "_CRL_FILE", "_SWITCH_FILE")
"""How names of files end that hold no secret."""
_KEPT: Final = ("KEEP", "MINUTES")
"""What is in the name of a setting that says how long something is kept."""

SECRETS: Final[Mapping[str, str]] = {
    "BRIDGE_BUS_URL": "address of the broker; better without the password",
    "BRIDGE_BUS_PASSWORD": "signs the worker in to the broker, where records pass",
    "BRIDGE_BUS_KEY_FILE": "the same, by certificate",
    "BRIDGE_BUS_CREDS_FILE": "the same, on NATS",
    "BRIDGE_BUS_MANAGEMENT_PASSWORD": "reads policies and rights of RabbitMQ, no message",
    "BRIDGE_PDS_KEY_FILE": "signs us in to PDS as the organisation's application",
    "BRIDGE_SDS_API_KEY": "asks the directory, which holds no patient data",
    "BRIDGE_SPINE_KEY_FILE": "the identity on Spine: whoever has it may call practices as the hospital",
    "BRIDGE_CLAIMS_CONSUMERS_FILE": "SHA-256 of the tokens of consumers; the tokens are in no file of ours",
    "BRIDGE_CLAIMS_KEY_FILE": "TLS of the endpoint at which large events and documents are fetched",
    "BRIDGE_PATIENT_KEY": "makes pseudonyms and signs offers: with it anybody can try numbers",
    "BRIDGE_VAULT_KEYS_FILE": "opens all that is sealed",
    "BRIDGE_AUDIT_KEYS_FILE": "seals the audit trail: with it entries could be forged",
    "BRIDGE_LEDGER_URL": "address of the database; better without the password",
    "BRIDGE_LEDGER_PASSWORD": "signs in to the database",
    "BRIDGE_LEDGER_KEY_FILE": "the same, by certificate",
    "BRIDGE_CONSOLE_KEY_FILE": "TLS of the console",
    "BRIDGE_CONSOLE_USERS_FILE": "users of the console, passwords as argon2id hashes",
    "BRIDGE_CONSOLE_OIDC_CLIENT_SECRET": "the console towards the OpenID provider",
    "BRIDGE_CONSOLE_OIDC_KEY_FILE": "the same, by certificate",
    "BRIDGE_MLLP_KEY_FILE": "TLS towards the interface engine",
    "BRIDGE_LISTENER_KEY_FILE": "TLS of the HL7 v2 listener",
    "BRIDGE_LISTENER_USERS_FILE": "who stands behind the ids in HL7 v2: no secret, but names of staff",
}
"""What each setting that holds a secret, or people, is for; its form with ``_FILE`` is the same."""

RIGHTS: Final[Mapping[str, tuple[str, str]]] = {
    "see_requests": (
        "what is known about requests, queues and practices; no patient",
        "everybody who is signed in",
    ),
    "find_patient": (
        "that there are requests about the patient whose number is typed",
        "everybody who is signed in",
    ),
    "open_bodies": ("what is in a request, an answer, an event or a dead letter", "clinical"),
    "replay": ("asks failed requests again, sends dead letters again or discards them", "operator"),
    "close_doubts": ("closes a doubt about a booking", "operator"),
    "ask_practice": ("has a practice asked what its system is", "operator"),
    "read_audit": ("who did what, and who looked at whom; no NHS number", "auditor"),
    "see_system": ("settings without secrets, workers, versions", "operator, auditor"),
    "switch_retries": ("stops automated retries", "operator"),
}
"""The rights of the console (`bridge.console.rights`): what each shows or does, and which roles have it."""


class StoredTable(BaseModel):
    """A table of the ledger.

    Attributes:
        holds: what a row is.
        kept: for how long, as what of it and a setting or words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    holds: Annotated[str, Field(pattern=r"^\S.*\.$")]
    kept: Annotated[tuple[tuple[str, str], ...], Field(min_length=1)]
    sealed: tuple[str, ...] = ()
    pseudonym: tuple[str, ...] = ()
    staff: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    link: tuple[str, ...] = ()
    place: tuple[str, ...] = ()
    proof: tuple[str, ...] = ()
    fact: tuple[str, ...] = ()

    @property
    def columns(self) -> list[tuple[StoredKind, str]]:
        """Every column with its kind."""
        return [(kind, name) for kind in KINDS for name in getattr(self, kind)]

    @property
    def personal(self) -> str:
        """What of a person it holds, in words."""
        return ", ".join(words for kind, words in _PERSONAL.items() if getattr(self, kind)) or "nothing"


@dataclass(frozen=True, slots=True)
class SettingShown:
    """A setting as the page names it."""

    name: str
    default: str
    words: str


def stored_tables() -> list[StoredTable]:
    """Every table of the ledger."""
    text = (files("bridge.assurance") / "stored.toml").read_text(encoding="utf-8")
    return [StoredTable.model_validate(table) for table in tomllib.loads(text)["table"]]


def secret_settings() -> list[str]:
    """The settings that hold a secret, or name the file of one; ``_FILE`` is no further one."""
    found = dict.fromkeys(
        name
        for name, field in _fields()
        if SecretStr in get_args(field.annotation)
        or (name.endswith("_FILE") and not name.endswith(_PUBLIC))
        or not field.repr
    )
    return [name for name in found if name.removesuffix("_FILE") not in found or not name.endswith("_FILE")]


def retention_settings() -> list[SettingShown]:
    """The settings that say how long something is kept, with their defaults."""
    return [
        SettingShown(name, str(field.default).removesuffix(".0"), "minutes" if "MINUTES" in name else "days")
        for name, field in _fields()
        if any(part in name for part in _KEPT)
    ]


def _fields() -> Iterator[tuple[str, FieldInfo]]:
    for group, section in Settings.model_fields.items():
        kind = section.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from (
                (f"BRIDGE_{group}_{name}".upper(), field) for name, field in kind.model_fields.items()
            )
        else:
            yield f"BRIDGE_{group}".upper(), section


def write(folder: Path, facts: PackFacts) -> PartSummary:
    """Write the page."""
    retention = retention_settings()
    defaults = {setting.name: f"{setting.default} {setting.words}" for setting in retention}
    tables = stored_tables()
    name = "information-governance.md"
    Pages().document(
        folder / name,
        f"{name}.jinja",
        facts,
        title="Information governance",
        tables=tables,
        kinds=KINDS,
        retention=retention,
        defaults=defaults,
        secrets=[(setting, SECRETS[setting]) for setting in secret_settings()],
        rights=RIGHTS,
    )
    covers = (
        f"Each of the {len(tables)} tables of the ledger's database, by column: what it says of a person.",
        "Where data flows, who can read it, how long it is kept, and answers to questions of DPIA and DTAC.",
    )
    not_ended = "Jobs of operators, with keys of requests, are kept for good: no setting deletes them."
    theirs = (
        "The lawful basis, the retention that policy asks for, the data protection impact assessment itself.",
        "Sharing agreements with practices.",
        "The disks, backups and administrators of the broker and the database, and the log store.",
    )
    return PartSummary(covers=covers, open=(not_ended,), theirs=theirs, files=(name,))


PART: Final = PackPart(
    "information-governance.html",
    "Information governance",
    "Which personal data goes where, what is kept, for how long, and who can read it?",
    write,
)
