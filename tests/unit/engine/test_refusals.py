"""A refusal that was written down is raised again as what it was, whatever its class is called by now."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from bridge.engine.journal.unrecorded import Unrecorded
from bridge.engine.side_effects import SideEffectLimits, SideEffects
from bridge.errors import (
    AppointmentRefused,
    FailureCode,
    NotDone,
    Refused,
    RegistrationRefused,
    RequestFailed,
    ResponseInvalid,
)
from bridge.gpconnect.errors import DirectoryStale
from bridge.ledger import Intent, Lease

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
LEASE = Lease("k", 0, "", 1, 1, 1, NOW)
LIMITS = SideEffectLimits(settle_after=1.0, retries=3, is_allowed=True)


class BedRefused(Refused):
    """A site's own, with a tag."""

    tag = "room"


class KeyRefused(BedRefused):
    """A site's own without one, made from another."""


RAISED = [
    (Refused(FailureCode.REQUEST_REFUSED, stage="provider", detail="http=400"), "refused"),
    (NotDone(FailureCode.NOT_DONE, stage="engine", reason="not_done"), "not_done"),
    (AppointmentRefused("taken", detail="http=409"), "appointment_refused"),
    (RegistrationRefused("already_registered"), "registration_refused"),
    (DirectoryStale(FailureCode.SPINE_ERROR, stage="spine"), "directory_stale"),
    (BedRefused(FailureCode.REQUEST_REFUSED, stage="provider", reason="taken"), "room"),
    (KeyRefused(FailureCode.REQUEST_REFUSED, stage="provider", reason="lost"), "KeyRefused"),
]


class Noted(Unrecorded):
    """Remembers the one result it was given."""

    result: Any = b""

    async def settle(self, *_: object, **told: object) -> None:
        self.result = told["result"]


async def once(side_effects, send):
    async def nothing():
        return None

    with pytest.raises(RequestFailed) as raised:
        await side_effects.once("room.take", key="r1", payload={}, send=send, settle=nothing)
    return raised.value


async def never():
    raise AssertionError("it was refused: nobody is called")


async def again(result):
    """What a later try raises."""
    known = Intent(1, "k", "room.take", "r1", NOW, b"{}", "refused", result, NOW)
    return await once(SideEffects(Unrecorded(), LEASE, [known], LIMITS), never)


@pytest.mark.parametrize(("refusal", "tag"), RAISED, ids=[tag for _, tag in RAISED])
async def test_it_is_stored_under_its_tag_and_raised_again_as_it_was(refusal, tag):
    async def send():
        raise refusal

    journal = Noted()
    assert await once(SideEffects(journal, LEASE, [], LIMITS), send) is refusal
    assert orjson.loads(journal.result)["kind"] == tag
    later = await again(journal.result)
    assert type(later) is type(refusal)
    assert vars(later) == vars(refusal)
    assert str(later) == str(refusal)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Refused", Refused),
        ("NotDone", NotDone),
        ("ResponseInvalid", ResponseInvalid),
        ("AppointmentRefused", AppointmentRefused),
        ("RegistrationRefused", RegistrationRefused),
        ("DirectoryStale", DirectoryStale),
        ("BedRefused", BedRefused),
        ("NobodyKnows", Refused),
    ],
)
async def test_one_that_was_stored_by_the_name_of_its_class_is_still_read(name, kind):
    stored = {
        "kind": name,
        "code": "appointment_refused",
        "stage": "provider",
        "detail": "http=409",
        "reason": "taken",
    }
    later = await again(orjson.dumps(stored))
    assert type(later) is kind
    assert (later.code, later.stage, later.detail, later.reason) == (
        FailureCode.APPOINTMENT_REFUSED,
        "provider",
        "http=409",
        "taken",
    )


def test_tags_are_all_different():
    kinds: list[type[Refused]] = [
        Refused,
        NotDone,
        ResponseInvalid,
        AppointmentRefused,
        RegistrationRefused,
        DirectoryStale,
    ]
    assert len({kind.tag for kind in kinds}) == len(kinds)
