"""The standard ``OTEL_`` variables: whether traces are on, and what in them does not go.

The SDK reads them itself and says of what it cannot use no more than a line in its log. A collector that
hears nothing is noticed on the day it is needed, so a worker does not start with such a value.
"""

import ipaddress
import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Final
from urllib.parse import urlsplit

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_HEADERS: Final = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_INSECURE: Final = ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "OTEL_EXPORTER_OTLP_INSECURE")
_FILES: Final = tuple(
    f"OTEL_EXPORTER_OTLP_{signal}{what}"
    for signal in ("TRACES_", "")
    for what in ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
)
_QUEUE: Final = ("OTEL_BSP_MAX_QUEUE_SIZE", 2048)
_BATCH: Final = ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)
"""Spans that may wait, and that go out together, as the SDK has it; no batch may be larger than the queue."""
_SAMPLERS: Final = frozenset({"always_on", "always_off", "traceidratio"})
_ONLY_INSIDE: Final = (".svc", ".cluster.local")
"""How names end that a cluster gives out, and that nothing outside of it can be reached by."""


def traces_are_on(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether spans are made and sent: an endpoint is set, and nothing switches them off."""
    return (
        _first(_ENDPOINTS, environ) is not None
        and not _is_true(environ.get("OTEL_SDK_DISABLED"))
        and environ.get("OTEL_TRACES_EXPORTER", "").strip() != "none"
    )


def trace_faults(*, sandbox: bool, environ: Mapping[str, str] = os.environ) -> list[str]:
    """What is wrong with the variables, by name; nothing while traces are off.

    Args:
        sandbox: whether plain HTTP may go anywhere.
        environ: variables that are read instead of the process's own.
    """
    return list(_faults(sandbox=sandbox, environ=environ)) if traces_are_on(environ) else []


def longest_queue(environ: Mapping[str, str] = os.environ) -> int:
    """Spans that may wait for the collector."""
    return _number(_QUEUE, environ) or _QUEUE[1]


def _number(variable: tuple[str, int], environ: Mapping[str, str]) -> int | None:
    """A whole number over 0, or the default; None of what is none."""
    name, default = variable
    said = environ.get(name, "").strip()
    if not said:
        return default
    return int(said) if said.isascii() and said.isdigit() and int(said) else None


def _of_queue(environ: Mapping[str, str]) -> Iterator[str]:
    sizes = [_number(variable, environ) for variable in (_QUEUE, _BATCH)]
    for (name, _), size in zip((_QUEUE, _BATCH), sizes, strict=True):
        if size is None:
            yield f"{name}: must be a whole number over 0"
    most, batch = sizes
    if most and batch and batch > most:
        yield f"{_QUEUE[0]}: must be {batch} ({_BATCH[0]}) or more"


def _faults(*, sandbox: bool, environ: Mapping[str, str]) -> Iterator[str]:
    name, endpoint = _first(_ENDPOINTS, environ) or ("", "")
    if find_spec("opentelemetry.sdk") is None or find_spec("opentelemetry.exporter") is None:
        yield f"{name}: needs the extra otel: pip install 'gpconnect-bridge[otel]'"
    yield from _of_endpoint(name, endpoint, sandbox=sandbox, environ=environ)
    if (exporter := environ.get("OTEL_TRACES_EXPORTER", "").strip()) not in ("", "otlp"):
        yield f"OTEL_TRACES_EXPORTER: {exporter[:20]!r} is not offered; otlp and none are"
    for protocol in _PROTOCOLS:
        if environ.get(protocol, "").strip() not in ("", "http/protobuf"):
            yield f"{protocol}: http/protobuf is the only one that is offered"
    yield from _of_sampler(environ)
    yield from _of_queue(environ)
    for file in _FILES:
        if path := environ.get(file):
            try:
                with open(path, "rb") as opened:  # noqa: PTH123 - as the exporter will
                    opened.read(1)
            except OSError as error:
                yield f"{file}: cannot be read ({error.strerror})"


def _of_endpoint(name: str, endpoint: str, *, sandbox: bool, environ: Mapping[str, str]) -> Iterator[str]:
    try:
        parts = urlsplit(endpoint)
        host, _port = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host:
        yield f"{name}: must be http://host[:port] or https://host[:port], perhaps with a path"
        return
    if parts.query or parts.fragment or parts.username is not None:
        yield f"{name}: must hold no user, password, query or fragment"
    if sandbox:
        return
    yield from (
        f"{insecure}: cannot be switched on outside the sandbox; http:// in the endpoint says the same"
        for insecure in _INSECURE
        if _is_true(environ.get(insecure))
    )
    if parts.scheme == "https" or _is_loopback(host):
        return
    if not _is_inside(host):
        yield f"{name}: must be https outside the sandbox, but for this machine and names of a cluster"
    elif found := _first(_HEADERS, environ):
        yield f"{found[0]}: may hold a token, which goes to another machine by https alone"


def _of_sampler(environ: Mapping[str, str]) -> Iterator[str]:
    sampler = environ.get("OTEL_TRACES_SAMPLER", "").strip().lower()
    kind = sampler.removeprefix("parentbased_")
    if sampler and kind not in _SAMPLERS:
        yield "OTEL_TRACES_SAMPLER: must be always_on, always_off or traceidratio, perhaps after parentbased_"
    if kind == "traceidratio" and not _is_ratio(environ.get("OTEL_TRACES_SAMPLER_ARG", "1")):
        yield "OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1"


def _first(names: tuple[str, ...], environ: Mapping[str, str]) -> tuple[str, str] | None:
    """The variable that counts of several, and its value; one that is empty counts as not set."""
    return next(((name, value) for name in names if (value := environ.get(name, "").strip())), None)


def _is_true(value: str | None) -> bool:
    return (value or "").strip().lower() == "true"


def _is_ratio(value: str) -> bool:
    try:
        return 0 <= float(value) <= 1
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_inside(host: str) -> bool:
    """Whether a name leads no further than a cluster, or the network of a compose file."""
    return ("." not in host and ":" not in host) or host.endswith(_ONLY_INSIDE)
