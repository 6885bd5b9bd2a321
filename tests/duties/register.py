"""The register: one TOML file per digest of the specification, one ``[[duty]]`` table per duty.

==============  ==========================================================================================
``id``          as in the digest, e.g. ``CS-041``; never reused
``level``       the strictest word the source uses; DUTY: stated as the consumer's without such a word;
                SAFETY: advice with clinical risk, taken as MUST. Read it before ``words``: "MUST NOT" + "Use …"
``words``       the duty in our own words
``page``        the page of the GP Connect specification, or the requirements catalogue [RC] and the
                guidance on CodeableConcept [CC]; of PD, of the service's own catalogue
``versions``    of the specification that state it
``met_by``      ``software``, or ``deployer``: the organisation that runs it
``deployer_note``  what that organisation must do: all of it when ``deployer``, its half when ``software``
``area``        the clinical area or capability that the duty concerns alone; absent: every call
==============  ==========================================================================================
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

FOLDER = Path(__file__).parent
COVERED_AREAS = frozenset(
    {
        "medications",
        "allergies",
        "html",
        "appointments",
        "foundations",
        "registration",
        "writes",
        "documents",
        "immunisations",
        "investigations",
        "consultations",
        "problems",
        "referrals",
        "diary",
        "uncategorised",
    }
)
"""What this version offers. A duty of another area stays open until that area is built."""

Level = Literal["MUST", "MUST NOT", "SHALL", "SHALL NOT", "SHOULD", "SHOULD NOT", "MAY", "DUTY", "SAFETY"]
Version = Literal["0.7", "1.2", "1.2.9", "1.6"]
Party = Literal["software", "deployer"]
Area = Literal[
    "medications",
    "allergies",
    "problems",
    "consultations",
    "immunisations",
    "uncategorised",
    "investigations",
    "referrals",
    "diary",
    "documents",
    "migration",
    "html",
    "appointments",
    "foundations",
    "registration",
    "writes",
]
REQUIRED = frozenset({"id", "level", "words", "page", "versions", "met_by"})
OPTIONAL = frozenset({"deployer_note", "area"})


@dataclass(frozen=True, slots=True)
class Duty:
    """One duty; the fields are explained at the top of this module."""

    id: str
    level: Level
    words: str
    page: str
    versions: tuple[Version, ...]
    met_by: Party
    deployer_note: str | None = None
    area: Area | None = None

    @property
    def digest(self) -> str:
        """``CS``, ``SP``…"""
        return self.id.partition("-")[0]

    @property
    def later(self) -> bool:
        """Whether it concerns an area that this version does not offer."""
        return self.area is not None and self.area not in COVERED_AREAS


def faults(row: Mapping[str, Any], digest: str) -> list[str]:
    """Everything that is wrong with one table of ``<digest>.toml``."""
    found = [f"lacks {name}" for name in sorted(REQUIRED - row.keys())]
    found += [f"has an unknown field {name}" for name in sorted(row.keys() - REQUIRED - OPTIONAL)]
    if found:
        return found
    closed: list[tuple[str, object, object]] = [
        ("level", row["level"], Level),
        ("met_by", row["met_by"], Party),
        *(("versions", version, Version) for version in row["versions"]),
        *([("area", row["area"], Area)] if "area" in row else []),
    ]
    found += [f"{name} may not be {value!r}" for name, value, words in closed if value not in get_args(words)]
    if not row["id"].startswith(f"{digest}-"):
        found.append(f"stands in the file of {digest}")
    if not row["versions"]:
        found.append("names no version")
    texts = {name: row.get(name, ".") for name in ("words", "deployer_note")}
    found += [f"{name} is not a sentence" for name, text in texts.items() if not text.endswith(".")]
    if row["met_by"] == "deployer" and "deployer_note" not in row:
        found.append("does not say what the deployer must do")
    return found


def load(folder: Path = FOLDER) -> dict[str, Duty]:
    """Every duty by id, in the order of the files.

    Raises:
        ValueError: with every fault of every file.
    """
    duties: dict[str, Duty] = {}
    problems: list[str] = []
    for file in sorted(folder.glob("*.toml")):
        for row in tomllib.loads(file.read_text(encoding="utf-8"))["duty"]:
            name = row.get("id", f"a duty of {file.name}")
            problems += [f"{name}: {fault}" for fault in faults(row, file.stem.upper())]
            if name in duties:
                problems.append(f"{name}: stands twice")
            if not problems:
                duties[name] = Duty(**{**row, "versions": tuple(row["versions"])})
    if problems:
        raise ValueError("\n".join(problems))
    return duties
