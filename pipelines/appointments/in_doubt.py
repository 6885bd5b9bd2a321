"""What is published when nobody knows yet whether a practice did what was asked."""

from collections.abc import Callable
from typing import Final

from bridge.pipelines import Event, GpConnectRequest, InDoubt
from bridge.pipelines.events import Standing, Step, Wish, appointment_in_doubt
from pipelines.appointments import side_effects

_STEPS: Final[dict[str, Step]] = {
    side_effects.REGISTER: "register",
    side_effects.BOOK: "book",
    side_effects.AMEND: "amend",
    side_effects.CANCEL: "cancel",
}
_STANDINGS: Final[dict[tuple[Step, bool], Standing]] = {
    ("book", False): "new_in_doubt",
    ("book", True): "both_booked",
    ("cancel", False): "old_in_doubt",
    ("cancel", True): "old_cancelled",
}


def in_doubt_about(wish: Wish) -> Callable[[GpConnectRequest, InDoubt], Event]:
    """Makes the event that tells that a request of this kind is in what."""

    def tell(_request: GpConnectRequest, what: InDoubt) -> Event:
        step = _STEPS[what.kind]
        return appointment_in_doubt(
            what.payload["header"],
            wish,
            step,
            is_done=what.is_done,
            about_what=what.key,
            sent_at=what.sent_at.isoformat(),
            code=what.code,
            standing=_STANDINGS[step, what.is_done] if wish == "reschedule" else None,
        )

    return tell
