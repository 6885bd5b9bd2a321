"""``bridge demo``: the whole story on one machine in a few seconds."""


def demo() -> None:
    """Start sandbox, embedded bus and a worker, send a handful of requests, and show what came out."""
    from bridge.cli import demo

    demo.demo()
