"""``bridge mllp``: HL7 v2 with the hospital's interface engine."""

import typer

app = typer.Typer(name="mllp", help="Exchange HL7 v2 messages with the hospital's interface engine.")


@app.command("send")
def send() -> None:
    """Send rendered HL7 v2 messages to BRIDGE_MLLP_PEER until SIGTERM; a second one waits for its turn."""
    from bridge.cli import mllp

    mllp.send()


@app.command("listen")
def listen() -> None:
    """Take ADT messages as requests for records until SIGTERM: on BRIDGE_LISTENER_HOST and _PORT."""
    from bridge.cli import mllp

    mllp.listen()
