"""The `bridge` command, and ``python -m bridge``: the same."""

import gc


def main() -> None:
    """Run it; what is loaded on the way to a command stays, so nobody looks for cycles among it."""
    gc.disable()  # until the command is known: `bridge.cli.app.common`
    from bridge.cli import main as run  # noqa: PLC0415 - loads what takes an option apart

    run()


if __name__ == "__main__":
    main()
