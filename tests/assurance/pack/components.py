"""``licences.html`` and the bills of materials: what is in the wheel and in the image, and under which licence each is."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bridge.assurance import PackPart, PartSummary
from tests.assurance.pack.facts import PAGES, TreeFacts
from tests.release import sbom
from tests.release.licences import LicensedPackage, table

_WHEEL: Final = "sbom.cdx.json"
_IMAGE: Final = "sbom-image.cdx.json"


def write(folder: Path, facts: TreeFacts) -> PartSummary:
    """Write both bills of materials, and the page of licences."""
    (folder / _WHEEL).write_text(sbom.as_json(sbom.of_wheel()), encoding="utf-8")
    (folder / _IMAGE).write_text(sbom.as_json(sbom.of_image()), encoding="utf-8")
    return write_licences(folder, facts, table())


def write_licences(folder: Path, facts: TreeFacts, rows: Sequence[LicensedPackage]) -> PartSummary:
    """Write the page of these packages."""
    unnamed = [row.package.name for row in rows if not row.licence.spdx]
    PAGES.page(
        folder / "licences.html",
        "licences.html",
        facts,
        rows=rows,
        counts=sorted(Counter(row.licence.words for row in rows).items()),
        unnamed=unnamed,
        base=sbom.base_of_image(),
        files=(_WHEEL, _IMAGE),
    )
    return PartSummary(
        covers=(
            f"All {len(rows)} packages that an installation with every extra has, each with version, hash and licence; none is unknown.",
        ),
        open=(
            *(
                [f"The licence of {', '.join(unnamed)} is named by words that are no SPDX identifier."]
                if unnamed
                else []
            ),
            f"What the base image {sbom.base_of_image()} itself holds is not listed: scan the image that is built.",
        ),
        files=(_WHEEL, _IMAGE),
    )


PART: Final = PackPart(
    "licences.html",
    "Components and licences",
    "Which software of others is in it, in which version, and under which licence?",
    write,
)
