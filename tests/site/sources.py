"""Which pages the site has, and from which files of the repository their text comes: no text stands twice."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

ROOT: Final = Path(__file__).parents[2]
HERE: Final = Path(__file__).parent

FENCED: Final = re.compile(r"^(```|~~~).*?^\1$", re.DOTALL | re.MULTILINE)
_SECTION: Final = re.compile(r"^## (.+)$", re.MULTILINE)

WHOLE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "CHANGELOG.md": "contribute/changelog.md",
        "CODE_OF_CONDUCT.md": "contribute/conduct.md",
        "CONTRIBUTING.md": "contribute/index.md",
        "SECURITY.md": "contribute/security.md",
        "bridge/GLOSSARY.md": "reference/glossary.md",
        "bridge/PERFORMANCE.md": "engine/performance.md",
        "bridge/README.md": "engine/index.md",
        "bridge/areas/README.md": "engine/areas.md",
        "bridge/assurance/README.md": "assure/pack.md",
        "bridge/bus/README.md": "engine/bus.md",
        "bridge/observe/README.md": "reference/log.md",
        "bridge/renderings/GUIDE.md": "use/renderings-guide.md",
        "bridge/renderings/LOSSES.md": "use/renderings-losses.md",
        "bridge/renderings/README.md": "use/renderings.md",
        "deploy/COMPATIBILITY.md": "operate/compatibility.md",
        "deploy/DUTIES.md": "assure/duties.md",
        "deploy/ONBOARDING.md": "assure/onboarding.md",
        "deploy/RUNBOOK.md": "operate/runbook.md",
        "deploy/SCALE.md": "operate/scale.md",
        "deploy/kubernetes/README.md": "operate/kubernetes.md",
        "deploy/observability/README.md": "operate/observability.md",
        "deploy/systemd/README.md": "operate/systemd.md",
        "findings/README.md": "contribute/findings.md",
        "pipelines/README.md": "use/pipelines.md",
        "tests/README.md": "contribute/tests.md",
        "tests/assurance/README.md": "assure/hazards.md",
        "tests/contract/schemas/README.md": "contribute/asyncapi-schema.md",
        "tests/contract/upgrade/README.md": "contribute/upgrade.md",
        "tests/release/README.md": "contribute/release.md",
        "tests/site/README.md": "contribute/site.md",
        "tests/site/roles/contributor.md": "roles/contributor.md",
        "tests/site/roles/epr-developer.md": "roles/epr-developer.md",
        "tests/site/roles/integrator.md": "roles/integrator.md",
        "tests/site/roles/operator.md": "roles/operator.md",
        "tests/site/roles/safety-officer.md": "roles/safety-officer.md",
    }
)
"""Files that are a page each; those of `bridge/decisions` are too."""

SPLIT: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "README.md": {
            "": "index.md",
            "Try it": "index.md",
            "Send your first request": "index.md",
            "What to ask for": "use/requests.md",
            "Fetch a document": "use/documents.md",
            "Book an appointment": "use/appointments.md",
            "Read the answer": "use/answer.md",
            "Operate it in a browser": "operate/console-first.md",
            "Your own pipeline": "index.md",
            "Where to go next": "index.md",
        },
        "deploy/README.md": {
            "": "operate/index.md",
            "What runs": "operate/index.md",
            "See it work on one host": "operate/one-host.md",
            "What to provide": "operate/provide.md",
            "The broker": "operate/broker.md",
            "Clusters": "operate/clusters.md",
            "Settings": "operate/settings.md",
            "The console": "operate/console.md",
            "Run it": "operate/run.md",
            "Sizing": "operate/sizing.md",
            "What to watch": "operate/watch.md",
            "When something breaks": "operate/outages.md",
            "When something is wrong": "operate/wrong.md",
            "Upgrading": "operate/upgrading.md",
            "Duties that stay yours": "operate/before-live.md",
            "Before going live": "operate/before-live.md",
        },
    }
)
"""Long files, section by section."""

NOT_PAGES: Final = frozenset({".github/pull_request_template.md"})


@dataclass
class SitePage:
    """One page of the site, before its links are those of the site.

    Attributes:
        path: in the site, such as ``operate/broker.md``.
        text: Markdown.
        file: where it stands in the repository, which its links start from; None for one made from code.
        anchors: what its headings are called in a link.
    """

    path: str
    text: str
    file: str | None = None
    anchors: set[str] = field(default_factory=set)


def slug(title: str) -> str:
    """What a heading is called in a link, as the repository's viewers call it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")


def listed(*patterns: str) -> list[str]:
    """Files of the repository, new ones among them, by name."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    return sorted(name for name in set(done.stdout.splitlines()) if (ROOT / name).is_file())


def outside_code(text: str, change: re.Pattern[str], by: str) -> str:
    """Replace something wherever it is not in a block of code."""
    done, last = [], 0
    for block in FENCED.finditer(text):
        done += [change.sub(by, text[last : block.start()]), block[0]]
        last = block.end()
    return "".join([*done, change.sub(by, text[last:])])


def sections(text: str) -> Iterator[tuple[str, str]]:
    """The parts of a file that begin with a heading of the second level; the first one has none."""
    blank = FENCED.sub(lambda block: re.sub(r"[^\n]", " ", block[0]), text)
    starts = [(0, ""), *((found.start(), found[1]) for found in _SECTION.finditer(blank))]
    for (start, title), end in zip(starts, [*(start for start, _ in starts[1:]), len(text)], strict=True):
        yield title, text[start:end]


def pages() -> list[SitePage]:
    """The pages whose text stands in the repository; one without a place of its own is found by links and by the search."""
    found = []
    for name in listed("*.md"):
        if name in SPLIT:
            found += _split(name, SPLIT[name])
        elif name not in NOT_PAGES:
            found.append(SitePage(_place(name), (ROOT / name).read_text(encoding="utf-8"), name))
    return found


def _place(name: str) -> str:
    if name.startswith("bridge/decisions/"):
        return f"decisions/{Path(name).name.replace('README', 'index')}"
    return WHOLE.get(name, f"more/{name}")


def _split(name: str, places: Mapping[str, str]) -> list[SitePage]:
    """The pages of a long file; a section without a place follows the one before it."""
    found: dict[str, SitePage] = {}
    path = places[""]
    for title, part in sections((ROOT / name).read_text(encoding="utf-8")):
        path = places.get(title, path)
        page = found.setdefault(path, SitePage(path, "", name))
        # The first section of a page is what the page is about: its headings rise by one level.
        rises = title and not page.text
        page.text += outside_code(part, re.compile(r"^##(#*) ", re.MULTILINE), r"#\1 ") if rises else part
    return list(found.values())
