"""Packages of the distribution that tests need: as root on Debian, one process of a run at a time."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

_POLICY = Path("/usr/sbin/policy-rc.d")


class PackageError(Exception):
    """The distribution's package could not be installed."""


def can_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(package: str) -> None:
    """Install a package; a service that comes with it is not started."""
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with _alone(), _no_services():
        subprocess.run(["apt-get", "update", "-qq"], env=quiet, check=False, capture_output=True, timeout=300)
        done = subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package],
            env=quiet,
            check=False,
            capture_output=True,
            timeout=900,
        )
    if done.returncode != 0:
        raise PackageError(f"apt-get could not install {package}:\n{done.stderr.decode()[-2000:]}")


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    with (Path(tempfile.gettempdir()) / "bridge-tests-apt.lock").open("w") as lock:
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
