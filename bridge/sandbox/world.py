"""Who is on the sandbox's Spine: practices, the hospital that asks, and what they may do with each other."""

from collections.abc import Iterator
from dataclasses import dataclass

from bridge.sandbox.spine.interactions import BY_INTERACTION, OPERATIONS


@dataclass(frozen=True, slots=True)
class Practice:
    """A GP practice and how it is registered.

    Attributes:
        version: of the GP Connect specification that its system implements.
        enabled: whether the practice has switched the capability on.
        endpoints: MHS records in SDS, each with a party key and an ASID of its own.
        has_address: whether those records carry an address.
        is_receiver: whether the proxy accepts it as a receiver of the interactions.
        agreement: whether a data sharing agreement with the hospital is in place.
        moved: the proxy knows it under another address than the one SDS hands out.
        has_diary: whether its system offers Appointment Management.
        joins_text: it keeps description and comment of an appointment in one field.
        drops_type: it gives the booking organisation back without its type.
        keeps_version: a cancelled appointment has the version it had before.
    """

    ods: str
    name: str
    asid: str
    version: str = "1.6.2"
    manufacturer: str = "YGS01"
    enabled: bool = True
    endpoints: int = 1
    has_address: bool = True
    is_receiver: bool = True
    agreement: bool = True
    moved: bool = False
    has_diary: bool = True
    joins_text: bool = False
    drops_type: bool = False
    keeps_version: bool = False

    @property
    def interactions(self) -> tuple[str, ...]:
        """What its system offers."""
        return tuple(
            one.interaction
            for one in OPERATIONS
            if (self.has_diary or not one.is_of_the_diary)
            and not (one.is_of_documents and self.version.startswith("1.2."))
        )

    def party_key(self, number: int = 0) -> str:
        """Of the practice's MHS record `number`."""
        return f"{self.ods}-{int(self.asid[-6:]) + number:06d}"

    def root(self, base: str, interaction: str) -> str:
        """Service root of one capability under `base`, without a trailing slash."""
        return f"{base}/{self.ods}/{BY_INTERACTION[interaction].root}"


@dataclass(frozen=True, slots=True)
class Consumer:
    """An organisation whose users ask, with its own ASID (SP-019) on a shared party key."""

    ods: str
    name: str
    asid: str
    party_key: str


MAIN = Practice("A99001", "Sandbox Medical Centre", "999900001001")
OLDER = Practice(
    "A99002",
    "Fell View Surgery",
    "999900001002",
    version="1.2.7",
    manufacturer="YGS02",
    joins_text=True,
    drops_type=True,
    keeps_version=True,
)
DISABLED = Practice("A99003", "Quiet Lane Surgery", "999900001003", enabled=False)
NO_ENDPOINT = Practice("A99004", "Paper Records Practice", "999900001004", endpoints=0)
TWO_ENDPOINTS = Practice("A99005", "Twin Systems Practice", "999900001005", endpoints=2)
NO_ADDRESS = Practice("A99006", "Half Registered Practice", "999900001006", has_address=False)
NO_AGREEMENT = Practice("A99007", "Closed Door Surgery", "999900001007", agreement=False)
MOVED = Practice("A99008", "Moved House Surgery", "999900001008", moved=True)
NO_RECEIVER = Practice("A99009", "Unlisted Surgery", "999900001009", is_receiver=False)
NO_DIARY = Practice("A99010", "Records Only Surgery", "999900001010", has_diary=False)
PRACTICES = (
    MAIN,
    OLDER,
    DISABLED,
    NO_ENDPOINT,
    TWO_ENDPOINTS,
    NO_ADDRESS,
    NO_AGREEMENT,
    MOVED,
    NO_RECEIVER,
    NO_DIARY,
)
PRACTICE_BY_ODS = {practice.ods: practice for practice in PRACTICES}

SUPPLIER_ODS = "YGB01"
HOSPITAL = Consumer("RZZ01", "Sandbox General Hospital", "999900002001", "RZZ01-990001")
COMMUNITY = Consumer("RZZ02", "Sandbox Community Services", "999900002002", "RZZ01-990001")
CONSUMERS = (HOSPITAL, COMMUNITY)


def practice_of_asid(asid: str) -> Practice | None:
    """The practice that a receiver's ASID belongs to."""
    return next((practice for practice in PRACTICES if asid in asids(practice)), None)


def asids(practice: Practice) -> Iterator[str]:
    """The ASIDs of a practice's MHS records, in order."""
    for number in range(practice.endpoints):
        yield f"{int(practice.asid) + 100 * number:012d}"
