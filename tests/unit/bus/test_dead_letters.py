import pytest

from bridge.bus import control_headers
from bridge.bus.dead_letters import dead_letter_of
from bridge.bus.port import Delivery

PATIENT = "9990000018"


@pytest.mark.duty("JO-033")
def test_what_a_sender_says_of_a_dead_letter_shows_no_patient() -> None:
    # The broker moved it unread, so the sender's own headers of these names still stand there.
    headers = {
        control_headers.ERROR_REASON: f"for-{PATIENT}",
        control_headers.ERROR_DETAIL: f"about {PATIENT}",
    }
    letter = dead_letter_of(Delivery(b"{}", id="m-1", key="k", headers=headers))
    assert (letter.reason, letter.detail) == ("for-[redacted]", "about [redacted]")


def test_what_we_say_of_one_is_shown_as_it_is() -> None:
    headers = {control_headers.ERROR_REASON: "rejected", control_headers.ERROR_DETAIL: "patient: is missing"}
    letter = dead_letter_of(Delivery(b"{}", id="m-1", key="k", headers=headers))
    assert (letter.reason, letter.detail) == ("rejected", "patient: is missing")
