"""Figures as Prometheus reads them: its text format, version 0.0.4, a line for each number.

Its own library brings a web server, and took a fortieth of a worker's start. Source:
https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from bridge.figures.table import FIGURES, PREFIX

Labels = tuple[str, ...]
"""Values of the labels of one series, in the order of `FIGURES`; one that is switched off is left out."""


class Sample(NamedTuple):
    """One number of a series.

    Attributes:
        labels: of the series.
        value: what is told.
        part: what is appended to the figure's name, where a series has several numbers.
        up_to: the bound of a bucket.
    """

    labels: Labels
    value: float
    part: str = ""
    up_to: float | None = None


class Family(NamedTuple):
    """A figure, by its name, with the numbers of all its series."""

    name: str
    samples: Sequence[Sample]


def gauge(name: str, values: Mapping[Labels, float]) -> Family:
    """A figure that has one number for each series."""
    return Family(name, [Sample(labels, value) for labels, value in values.items()])


def written(families: Iterable[Family]) -> bytes:
    """All of them, as one answer."""
    return "".join(line for each in families for line in _lines(each)).encode()


def _lines(family: Family) -> Iterator[str]:
    name, figure = PREFIX + family.name, FIGURES[family.name]
    yield f"# HELP {name} {_escaped(figure.says)}\n# TYPE {name} {figure.kind}\n"
    for labels, value, part, up_to in family.samples:
        pairs = [f'{label}="{_quoted(text)}"' for label, text in zip(figure.labels, labels, strict=False)]
        if up_to is not None:
            pairs.append(f'le="{_number(up_to)}"')
        series = f"{{{','.join(pairs)}}}" if pairs else ""
        yield f"{name}{part}{series} {_number(value)}\n"


def _number(value: float) -> str:
    return "+Inf" if value == math.inf else repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', r"\"")
