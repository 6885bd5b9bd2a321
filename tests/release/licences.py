"""Under which licence each package is, from its own metadata: ``python -m tests.release.licences`` prints the table.

In this order, until one tells: the licence expression of the metadata; the field `License` where it is an SPDX
expression or a usual name for one; the text of the licence file; the classifier. What is named, but by a name
that SPDX does not have ("BSD license", of which there are several), is given by that name. A package that says
nothing is an error: nobody can say whether it may be used.
"""

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import PurePosixPath
from typing import Final

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from tests.release.lock import EXTRAS, LockedPackage, installed_as_locked, needed


class UnknownLicenceError(Exception):
    """A package does not say under which licence it is."""


@dataclass(frozen=True, slots=True)
class DeclaredLicence:
    """The licence of a package, and where it is said."""

    words: str
    """An SPDX expression, or a name where `spdx` is false."""
    spdx: bool
    told_by: str
    """`License-Expression`, `License`, the name of a licence file, or `Classifier`."""


@dataclass(frozen=True, slots=True)
class LicensedPackage:
    """A row of the table of licences."""

    package: LockedPackage
    licence: DeclaredLicence
    needed_for: tuple[str, ...]
    """`default` where every installation has it; else the extras that bring it."""


_USUAL_NAMES: Final = {
    "apache 2.0": "Apache-2.0",
    "apache license version 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "bsd 2-clause license": "BSD-2-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "isc license": "ISC",
    "mit license": "MIT",
    "psfl": "PSF-2.0",
}
_CLASSIFIERS: Final = {
    "License :: OSI Approved :: ISC License (ISCL)": "ISC",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""Classifiers that mean one licence. "BSD License" and "Apache Software License" mean several."""
_LICENCE_FILE: Final = re.compile(r"(?i)^(?:licen[cs]e|copying)(?:[.-].*)?$")
_LONGEST_NAME: Final = 80
"""Characters; a longer field `License` is the text of one."""


def licence_of(name: str) -> DeclaredLicence:
    """What the installed package says of its licence; `UnknownLicenceError` where it says nothing."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        raise UnknownLicenceError(
            f"{name} is not installed, so its licence cannot be read: run `make install`"
        ) from None
    return licence_in(found)


def licence_in(package: Distribution) -> DeclaredLicence:
    """What the metadata and the files of one package say."""
    metadata = package.metadata.json
    field = str(metadata.get("license", "")).strip()
    classifiers = [each for each in metadata.get("classifier", ()) if each.startswith("License ::")]
    if (words := _expression(package.metadata["License-Expression"])) is not None:
        return DeclaredLicence(words, spdx=True, told_by="License-Expression")
    if (words := _expression(_USUAL_NAMES.get(field.lower(), field))) is not None:
        return DeclaredLicence(words, spdx=True, told_by="License")
    for file, text in texts_in(package):
        if (words := _in_text(text)) is not None:
            return DeclaredLicence(words, spdx=True, told_by=file)
    for classifier in classifiers:
        if classifier in _CLASSIFIERS:
            return DeclaredLicence(_CLASSIFIERS[classifier], spdx=True, told_by="Classifier")
    if field and field.upper() != "UNKNOWN" and len(field) <= _LONGEST_NAME and "\n" not in field:
        return DeclaredLicence(field, spdx=False, told_by="License")
    if classifiers:
        names = " and ".join(each.rpartition(" :: ")[2] for each in classifiers)
        return DeclaredLicence(names, spdx=False, told_by="Classifier")
    raise UnknownLicenceError(f"{package.name} {package.version} does not say under which licence it is")


def texts_in(package: Distribution) -> Iterable[tuple[str, str]]:
    """The licence files that the package brings in its metadata, by name, and what stands in them."""
    for path in sorted(package.files or (), key=str):
        inside = PurePosixPath(path)
        if ".dist-info" in inside.parts[0] and _LICENCE_FILE.match(inside.name):
            yield inside.name, path.read_text(encoding="utf-8")


def table() -> list[LicensedPackage]:
    """Every package that the wheel needs, with any of its extras, by name."""
    of_extras = {extra: needed([extra]) for extra in EXTRAS}
    default = needed()
    rows = []
    for name, package in sorted(needed(EXTRAS).items()):
        installed_as_locked(package)
        bringing = tuple(extra for extra in EXTRAS if name in of_extras[extra])
        rows.append(LicensedPackage(package, licence_of(name), ("default",) if name in default else bringing))
    return rows


def _expression(words: str | None) -> str | None:
    """The words as SPDX writes them; None where they are no SPDX expression."""
    if not words:
        return None
    try:
        return canonicalize_license_expression(words)
    except InvalidLicenseExpression:
        return None


def _in_text(text: str) -> str | None:
    """Which licence a text is, told by what stands in no other."""
    words = " ".join(text.split())
    if "Redistribution and use in source and binary forms" in words:
        third = re.search(r"(?i)neither the names? of|names? of .{0,80}contributors may not", words)
        return "BSD-3-Clause" if third else "BSD-2-Clause"
    if "Permission is hereby granted, free of charge, to any person obtaining a copy" in words:
        return "MIT"
    if "Apache License Version 2.0, January 2004" in words:
        return "Apache-2.0"
    return None


def as_text(rows: Iterable[LicensedPackage]) -> str:
    """The table, a line each, with tabs between columns."""
    lines = [("package", "version", "licence", "SPDX", "told by", "needed for")]
    for row in rows:
        spdx, needed_for = "yes" if row.licence.spdx else "no", ", ".join(row.needed_for)
        package, licence = row.package, row.licence
        lines.append((package.name, package.version, licence.words, spdx, licence.told_by, needed_for))
    return "".join("\t".join(line) + "\n" for line in lines)


def main() -> None:
    """Print the table."""
    print(as_text(table()), end="")


if __name__ == "__main__":
    try:
        main()
    except UnknownLicenceError as error:
        sys.exit(str(error))
