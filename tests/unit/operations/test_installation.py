"""What is shown of the settings holds no secret, wherever in an address it stands."""

import pytest

from bridge.operations.installation import shown_settings
from bridge.settings import BusSettings, Settings

SECRET = "hunter2-of-the-site"
MASKED = "set, not shown"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("amqps://gpc@a:5671,b/v?x=1", f"amqps://{MASKED}@a:5671,b/v"),
        (f"amqps://gpc:{SECRET}@a:5671,b/v", f"amqps://gpc:{MASKED}@a:5671,b/v"),
        (f"nats://{SECRET}@h:4222", f"nats://{MASKED}@h:4222"),
        (f"nats://a:1,nats://u:{SECRET}@b:2", MASKED),
        (f"amqps://u:[{SECRET}@h/v", MASKED),
        ("nats://h", "nats://h"),
    ],
)
def test_of_an_address_of_the_bus_no_secret_is_shown(url: str, shown: str):
    settings = Settings().model_copy(update={"bus": BusSettings(url=url)})
    (found,) = [each for each in shown_settings(settings) if each.name == "BRIDGE_BUS_URL"]
    assert found.value == shown
