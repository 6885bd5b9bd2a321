"""What stands where in the site, and its order; a page that is found by others alone is not in it."""

from collections.abc import Mapping
from typing import Any, Final

from tests.site.sources import listed

NavigationEntry = Mapping[str, Any]
"""A title, and its page or what stands below it."""

_PLACES: Final[Mapping[str, list[Any]]] = {
    "Start": [
        {"GP Connect bridge": "index.md"},
        {"For integrators": "roles/integrator.md"},
        {"For EPR developers": "roles/epr-developer.md"},
        {"For operators": "roles/operator.md"},
        {"For safety officers": "roles/safety-officer.md"},
        {"For contributors": "roles/contributor.md"},
    ],
    "Use": [
        {"What to ask for": "use/requests.md"},
        {"Read the answer": "use/answer.md"},
        {"Fetch a document": "use/documents.md"},
        {"Book an appointment": "use/appointments.md"},
        {"Renderings": "use/renderings.md"},
        {"Wire a rendering": "use/renderings-guide.md"},
        {"What renderings leave out": "use/renderings-losses.md"},
        {"A pipeline of your own": "use/pipelines.md"},
    ],
    "Messages": [
        "messages/index.md",
        {"The envelope": "messages/envelope.md"},
        {"Parts of messages": "messages/parts.md"},
    ],
    "Operate": [
        "operate/index.md",
        {"See it work on one host": "operate/one-host.md"},
        {"What to provide": "operate/provide.md"},
        {"The broker": "operate/broker.md"},
        {"Clusters": "operate/clusters.md"},
        {"Settings": "operate/settings.md"},
        {"The console": "operate/console.md"},
        {"Run it": "operate/run.md"},
        {"Kubernetes": "operate/kubernetes.md"},
        {"systemd": "operate/systemd.md"},
        {"Sizing": "operate/sizing.md"},
        {"Scale": "operate/scale.md"},
        {"Compatibility": "operate/compatibility.md"},
        {"What to watch": "operate/watch.md"},
        {"Observability": "operate/observability.md"},
        {"Runbook": "operate/runbook.md"},
        {"When something breaks": "operate/outages.md"},
        {"When something is wrong": "operate/wrong.md"},
        {"Upgrading": "operate/upgrading.md"},
        {"Before going live": "operate/before-live.md"},
        {"A look at the console": "operate/console-first.md"},
    ],
    "Assure": [
        {"The hazard log": "assure/hazards.md"},
        {"The assurance pack": "assure/pack.md"},
        {"Duties of the deployer": "assure/duties.md"},
        {"Onboarding": "assure/onboarding.md"},
    ],
    "Reference": [
        {"Errors, and what to do": "reference/errors.md"},
        {"Metrics": "reference/metrics.md"},
        {"Log events": "reference/log.md"},
        {"Glossary": "reference/glossary.md"},
    ],
    "Engine": [
        "engine/index.md",
        {"Areas": "engine/areas.md"},
        {"Buses": "engine/bus.md"},
        {"Performance": "engine/performance.md"},
    ],
    "Contribute": [
        "contribute/index.md",
        {"Tests": "contribute/tests.md"},
        {"Releases": "contribute/release.md"},
        {"Earlier releases": "contribute/upgrade.md"},
        {"This site": "contribute/site.md"},
        {"Security": "contribute/security.md"},
        {"Conduct": "contribute/conduct.md"},
        {"Findings": "contribute/findings.md"},
        {"Changes": "contribute/changelog.md"},
    ],
}


def navigation() -> list[NavigationEntry]:
    """The navigation as the builder takes it; the decisions stand last."""
    decisions = ["decisions/index.md"]
    decisions += (
        f"decisions/{name.rpartition('/')[2]}"
        for name in listed("bridge/decisions/*.md")
        if "README" not in name
    )
    return [*({title: entries} for title, entries in _PLACES.items()), {"Decisions": decisions}]
