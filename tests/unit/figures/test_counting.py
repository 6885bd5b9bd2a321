"""Counters and histograms of our own tell Prometheus what the library's would."""

import prometheus_client
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bridge.figures.counting import Counter, Histogram
from bridge.figures.table import FIGURES, PREFIX, STAGE_BUCKETS
from bridge.figures.text import Family, Sample, gauge, written


def read(text):
    """What Prometheus would make of it: families, each with its help and its samples."""
    return [
        (
            each.name,
            each.type,
            each.documentation,
            [(one.name, one.labels, one.value) for one in each.samples],
        )
        for each in text_string_to_metric_families(text)
    ]


def ours(counted):
    return read(written([counted.told()]).decode())


def the_librarys(kind, name, fill, **more):
    registry = CollectorRegistry()
    fill(kind(PREFIX + name, FIGURES[name].says, FIGURES[name].labels, registry=registry, **more))
    told = generate_latest(registry).decode().splitlines(keepends=True)
    return read("".join(line for line in told if "_created" not in line))  # when a series began: nobody asks


def test_a_counter_without_labels_is_there_from_the_start():
    counted = Counter("taken_one_by_one_total")
    before = ours(counted)
    counted.add()
    assert before == the_librarys(prometheus_client.Counter, "taken_one_by_one_total", lambda _: None)
    assert ours(counted) == the_librarys(
        prometheus_client.Counter, "taken_one_by_one_total", lambda counter: counter.inc()
    )


def test_a_counter_has_a_series_for_each_values_of_its_labels():
    counted = Counter("record_unmapped_total")
    counted.add("allergies", "no_code", times=0)
    for times in (2, 3):
        counted.add('with "quotes"', "no_code", times=times)

    def fill(counter):
        counter.labels("allergies", "no_code")
        counter.labels('with "quotes"', "no_code").inc(5)

    assert ours(counted) == the_librarys(prometheus_client.Counter, "record_unmapped_total", fill)


def test_a_histogram_counts_up_to_and_with_each_bound():
    seconds = (0.0, 0.001, 0.0011, 0.3, 120.0, 1e6)
    counted = Histogram("stage_duration_seconds", STAGE_BUCKETS)
    counted.begin("map")
    for each in seconds:
        counted.observe(each, "pds")
    counted.begin("pds")

    def fill(histogram):
        histogram.labels("map")
        for each in seconds:
            histogram.labels("pds").observe(each)

    kind = prometheus_client.Histogram
    assert ours(counted) == the_librarys(kind, "stage_duration_seconds", fill, buckets=STAGE_BUCKETS)


def test_a_gauge_leaves_out_the_labels_that_are_switched_off():
    told = written([gauge("circuit_open", {("pds",): True, ("practice",): 2})]).decode()
    assert told.splitlines()[2:] == [
        'bridge_circuit_open{upstream="pds"} 1.0',
        'bridge_circuit_open{upstream="practice"} 2.0',
    ]


def test_a_gauge_is_what_the_librarys_is():
    def fill(kind):
        kind.set(1796052986.79)

    [told] = read(written([gauge("clock_skew_seconds", {(): 1796052986.79})]).decode())
    [expected] = the_librarys(prometheus_client.Gauge, "clock_skew_seconds", fill)
    assert told == expected


def test_nothing_in_a_label_ends_it_or_its_line():
    text = 'a"b\\c\nd'
    told = written([Family("waiting", [Sample((text,), 1)])]).decode()
    assert len(told.splitlines()) == 3
    [(_, _, _, [(_, labels, _)])] = read(told)
    assert labels == {"pipeline": text}
