"""The figures that Prometheus reads, from their table in the code."""

from bridge.figures.table import FIGURES, PREFIX
from tests.site.sources import SitePage
from tests.site.tables import address, code, row, table, words

_BEGIN = """# Metrics

What `/metrics` of each worker tells, in the text format of Prometheus. How it is scraped, which alerts and dashboards there are, and what the
labels hold: [observability](/deploy/observability/README.md). What to do when an alert fires: [the runbook](/deploy/RUNBOOK.md).
"""


def figures_page() -> SitePage:
    rows = (
        row(
            (
                code(f"{PREFIX}{name}"),
                figure.kind,
                ", ".join(map(code, figure.labels)) or "none",
                words(figure.says),
            ),
            anchor=address(f"{PREFIX}{name}"),
        )
        for name, figure in FIGURES.items()
    )
    return SitePage(
        "reference/metrics.md", _BEGIN + table("Metrics", ("Name", "Kind", "Labels", "What it answers"), rows)
    )
