"""An answer of `/metrics`, read as Prometheus reads it."""

from collections import Counter
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Series:
    """One number of an answer."""

    name: str
    labels: dict[str, str]
    value: float


class Answer:
    """Every series of an answer, by names without the prefix."""

    def __init__(self, text: bytes) -> None:
        self.families = {family.name: family.type for family in text_string_to_metric_families(text.decode())}
        self.series = [
            Series(sample.name.removeprefix("bridge_"), dict(sample.labels), sample.value)
            for family in text_string_to_metric_families(text.decode())
            for sample in family.samples
        ]

    def values(self, name: str, **labels: str) -> list[float]:
        return [
            each.value for each in self.series if each.name == name and labels.items() <= each.labels.items()
        ]

    def value(self, name: str, **labels: str) -> float:
        (found,) = self.values(name, **labels)
        return found

    def total(self, name: str, **labels: str) -> float:
        return sum(self.values(name, **labels))

    def by(self, name: str, *labels: str) -> Counter[tuple[str, ...]]:
        """Sums by these labels, without those that are nothing."""
        found: Counter[tuple[str, ...]] = Counter()
        for each in self.series:
            if each.name == name and each.value:
                found[tuple(each.labels[label] for label in labels)] += int(each.value)
        return found
