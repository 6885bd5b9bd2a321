"""What is published when nobody knows yet whether a practice did what was asked."""

from collections.abc import Callable
from typing import Final

from bridge.contracts.appointment_events import Standing, Step, Wish, appointment_in_doubt
from bridge.contracts.events import Event
from bridge.contracts.requests import GpConnectRequest
from bridge.engine import Doubt
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


def doubt_about(wish: Wish) -> Callable[[GpConnectRequest, Doubt], Event]:
    """Makes the event that tells of a doubt about a request of this kind."""

    def tell(_request: GpConnectRequest, doubt: Doubt) -> Event:
        step = _STEPS[doubt.kind]
        return appointment_in_doubt(
            doubt.payload["header"],
            wish,
            step,
            is_done=doubt.is_done,
            about_what=doubt.key,
            sent_at=doubt.sent_at.isoformat(),
            code=doubt.code,
            standing=_STANDINGS[step, doubt.is_done] if wish == "reschedule" else None,
        )

    return tell
