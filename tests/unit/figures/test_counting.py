"""Counters and histograms of our own tell Prometheus what the library's would."""

import prometheus_client
from prometheus_client import CollectorRegistry, generate_latest

from bridge.figures.counting import Counter, Histogram
from bridge.figures.table import FIGURES, PREFIX, STAGE_BUCKETS


class Series:
    def __init__(self, counted):
        self.counted = counted

    def collect(self):
        return [self.counted.metric()]


def text(counted):
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Series(counted))
    return generate_latest(registry).decode()


def text_of_the_library(kind, name, fill, **more):
    registry = CollectorRegistry()
    fill(kind(PREFIX + name, FIGURES[name].says, FIGURES[name].labels, registry=registry, **more))
    told = generate_latest(registry).decode().splitlines(keepends=True)
    return "".join(line for line in told if "_created" not in line)  # when a series began: nobody asks


def test_a_counter_without_labels_is_there_from_the_start():
    ours = Counter("taken_one_by_one_total")
    before = text(ours)
    ours.add()
    assert before == text_of_the_library(prometheus_client.Counter, "taken_one_by_one_total", lambda _: None)
    assert text(ours) == text_of_the_library(
        prometheus_client.Counter, "taken_one_by_one_total", lambda counter: counter.inc()
    )


def test_a_counter_has_a_series_for_each_values_of_its_labels():
    ours = Counter("record_unmapped_total")
    ours.add("allergies", "no_code", times=0)
    for times in (2, 3):
        ours.add('with "quotes"', "no_code", times=times)

    def fill(counter):
        counter.labels("allergies", "no_code")
        counter.labels('with "quotes"', "no_code").inc(5)

    assert text(ours) == text_of_the_library(prometheus_client.Counter, "record_unmapped_total", fill)


def test_a_histogram_counts_up_to_and_with_each_bound():
    seconds = (0.0, 0.001, 0.0011, 0.3, 120.0, 1e6)
    ours = Histogram("stage_duration_seconds", STAGE_BUCKETS)
    ours.begin("map")
    for each in seconds:
        ours.observe(each, "pds")
    ours.begin("pds")

    def fill(histogram):
        histogram.labels("map")
        for each in seconds:
            histogram.labels("pds").observe(each)

    kind = prometheus_client.Histogram
    assert text(ours) == text_of_the_library(kind, "stage_duration_seconds", fill, buckets=STAGE_BUCKETS)
