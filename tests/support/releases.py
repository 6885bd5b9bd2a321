"""Earlier releases, as workers of theirs run beside the tests: the commit of each, checked out and installed once."""

from typing import Final

from tests.bench.against import Build, build_of

COMMITS: Final = {"0.1.0": "a091c232f9515d515f53d9691963e800d1a3a891"}
"""By version. A release from 0.2.0 on has a tag; 0.1.0 was never tagged."""
BEFORE: Final = "0.1.0"
"""The release that a site upgrades from."""


def installed_release(version: str) -> Build:
    """A release with an environment of its own; needs the whole history of the repository, and an index of packages."""
    return build_of(COMMITS[version])
