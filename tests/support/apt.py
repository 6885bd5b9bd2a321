"""Programs that tests need and pip does not bring: from the distribution, as root on Debian."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_POLICY = Path("/usr/sbin/policy-rc.d")
_CLUSTERS = Path("/etc/postgresql-common/createcluster.conf")


class PackageError(Exception):
    """The distribution's package could not be installed."""


def provided(package: str, find: Callable[[], T | None]) -> T | None:
    """What `find` finds, after installing the package when it found nothing; one process of a run at a time.

    Raises:
        PackageError: it cannot be installed.
    """
    with _alone():  # what another process installs is not whole yet
        found = find()
        if found is None and can_install():
            install(package)
            found = find()
    return found


def can_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(*packages: str) -> None:
    """Install packages; they start no service and make no database.

    Raises:
        PackageError: one cannot be installed.
    """
    command = ("install", "-y", "--no-install-recommends", *packages)
    _CLUSTERS.parent.mkdir(exist_ok=True)
    if not _CLUSTERS.exists():
        _CLUSTERS.write_text("create_main_cluster = false\n")
    with _no_services():
        done = _apt_get(*command)
        if done.returncode != 0:
            _apt_get("update")  # comes second: the lists are there more often than not, and take long to read
            done = _apt_get(*command)
    if done.returncode != 0:
        raise PackageError(f"apt-get could not install {packages}:\n{done.stderr.decode()[-2000:]}")


def _apt_get(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(
        ["apt-get", "-qq", *arguments], env=quiet, check=False, capture_output=True, timeout=900
    )


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    with (Path(tempfile.gettempdir()) / f"bridge-tests-{os.geteuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _no_services() -> Iterator[None]:
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()
