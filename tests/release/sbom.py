"""What is in the wheel and in the image, as CycloneDX 1.6: ``python -m tests.release.sbom wheel`` or ``… image``.

Of the wheel: every package that it needs, with any extra; the property `gpconnect-bridge:needed-for` of each says
`default` or the extras, its scope `required` or `optional`. Of the image: what ``deploy/Dockerfile`` installs, and the
base image; what that one holds itself is not listed, and a property says so.

The same commit gives the same bytes: the time is that of ``SOURCE_DATE_EPOCH``, else of the commit, and the serial
number is made from the content.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseAcknowledgement, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from tests.release.licences import DeclaredLicence, UnknownLicenceError, licence_of, table
from tests.release.lock import (
    EXTRAS,
    PROJECT,
    ROOT,
    LockedNeedsError,
    LockedPackage,
    direct,
    environment,
    installed_as_locked,
    needed,
)

NEEDED_FOR: Final = f"{PROJECT}:needed-for"
_NO_NUMBER: Final = UUID(int=0)
_DOCKERFILE: Final = ROOT / "deploy" / "Dockerfile"


def of_wheel() -> Bom:
    """What ``pip install gpconnect-bridge`` installs, with any of its extras."""
    rows = table()
    packages = {row.package.name: row.package for row in rows}
    components = {
        row.package.name: _component(
            row.package, row.licence, needed_for=row.needed_for, optional="default" not in row.needed_for
        )
        for row in rows
    }
    return _bom(_project(ComponentType.APPLICATION), packages, components, direct(EXTRAS))


def of_image() -> Bom:
    """What the image of ``deploy/Dockerfile`` holds beside its base image."""
    extras = extras_of_image()
    packages = needed(extras)
    components = {}
    for name, package in packages.items():
        installed_as_locked(package)
        components[name] = _component(package, licence_of(name))
    image = _project(ComponentType.CONTAINER)
    image.properties.add(Property(name=f"{PROJECT}:extras", value=", ".join(extras)))
    base, _, tag = base_of_image().partition(":")
    components[base] = Component(
        type=ComponentType.CONTAINER,
        name=base,
        version=tag,
        bom_ref=f"image:{base}:{tag}",
        purl=PackageURL(type="docker", name=base, version=tag),
        properties=[
            Property(
                name=f"{PROJECT}:not-listed", value="what the base image holds: scan the image that was built"
            )
        ],
    )
    packages[base] = LockedPackage(base, tag, "", "", ())
    return _bom(image, packages, components, (*direct(extras), base))


def as_json(bom: Bom) -> str:
    """The document, always the same for the same content."""
    bom.metadata.timestamp = datetime.fromtimestamp(source_date_epoch(), tz=UTC)
    bom.serial_number = _NO_NUMBER
    text: str = JsonV1Dot6(bom).output_as_string(indent=2)
    return text.replace(str(_NO_NUMBER), str(uuid5(NAMESPACE_URL, text)), 1) + "\n"


def source_date_epoch() -> int:
    """The time of the source, in seconds: of the environment, else of the commit; 1980 where there is neither."""
    if told := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(told)
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return int(done.stdout) if done.returncode == 0 else 315532800


def extras_of_image() -> tuple[str, ...]:
    """The extras that the Dockerfile installs."""
    return tuple(sorted(set(re.findall(r"--extra (\S+)", _DOCKERFILE.read_text(encoding="utf-8")))))


def base_of_image() -> str:
    """What the last stage of the Dockerfile begins with."""
    stages: list[str] = re.findall(r"^FROM (\S+)", _DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    return stages[-1]


def _project(kind: ComponentType) -> Component:
    told = version(PROJECT)
    return Component(
        type=kind,
        name=PROJECT,
        version=told,
        bom_ref=f"{PROJECT}@{told}",
        licenses=[_licence(licence_of(PROJECT))],
        purl=PackageURL(type="pypi", name=PROJECT, version=told),
        properties=[Property(name=f"{PROJECT}:platform", value=environment())],
    )


def _component(
    package: LockedPackage,
    licence: DeclaredLicence,
    *,
    needed_for: Iterable[str] = (),
    optional: bool = False,
) -> Component:
    file = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(package.url),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=package.sha256)],
    )
    properties = [Property(name=f"{PROJECT}:licence-told-by", value=licence.told_by)]
    properties += [Property(name=NEEDED_FOR, value=each) for each in needed_for]
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        bom_ref=f"{package.name}@{package.version}",
        scope=ComponentScope.OPTIONAL if optional else ComponentScope.REQUIRED,
        purl=PackageURL(type="pypi", name=package.name, version=package.version),
        licenses=[_licence(licence)],
        external_references=[file],
        properties=properties,
    )


def _licence(licence: DeclaredLicence) -> LicenseExpression | DisjunctiveLicense:
    declared = LicenseAcknowledgement.DECLARED
    if not licence.spdx:
        return DisjunctiveLicense(name=licence.words, acknowledgement=declared)
    if " " in licence.words:
        return LicenseExpression(licence.words, acknowledgement=declared)
    return DisjunctiveLicense(id=licence.words, acknowledgement=declared)


def _bom(
    project: Component,
    packages: Mapping[str, LockedPackage],
    components: Mapping[str, Component],
    first: Iterable[str],
) -> Bom:
    bom = Bom(components=components.values(), metadata=BomMetaData(component=project))
    bom.register_dependency(project, [components[name] for name in first])
    for name, package in packages.items():
        bom.register_dependency(components[name], [components[each] for each in package.needs])
    return bom


def main() -> None:
    """Print one of the two."""
    makers = {"wheel": of_wheel, "image": of_image}
    match sys.argv[1:]:
        case [("wheel" | "image") as name]:
            print(as_json(makers[name]()), end="")
        case _:
            sys.exit("usage: python -m tests.release.sbom wheel|image")


if __name__ == "__main__":
    try:
        main()
    except (UnknownLicenceError, LockedNeedsError) as error:
        sys.exit(str(error))
