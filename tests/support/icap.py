"""A real ICAP server: c-icap with its malware service, which asks a clamd of ours (`clamd.py`).

The server comes from ``C_ICAP`` when that is set, else from the path, else from the distribution's package.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support import apt, run_logs
from tests.support.clamd import Clamd
from tests.support.ports import free_port

PACKAGE = "libc-icap-mod-virus-scan"
SERVICE = "avscan"
_MODULES = "**/c_icap/virus_scan.so"
_LONGEST_WAIT = 60.0


class IcapMissingError(Exception):
    """No ICAP server can be found or started."""


def installed() -> tuple[str, Path] | None:
    """The program, and the folder of its modules."""
    program = os.environ.get("C_ICAP") or shutil.which("c-icap")
    modules = next(
        (path.parent for root in ("/usr/lib", "/usr/local/lib") for path in Path(root).glob(_MODULES)), None
    )
    return (program, modules) if program and modules else None


@contextlib.contextmanager
def running_icap(clamd: Clamd) -> Iterator[str]:
    """The URL of a service that has documents scanned by `clamd`, while the block runs."""
    found = apt.provided(PACKAGE, installed)
    if found is None:
        raise IcapMissingError(f"no c-icap: name one in C_ICAP, or install the package {PACKAGE}")
    program, modules = found
    with tempfile.TemporaryDirectory(prefix="bridge-icap-") as name:
        folder, port = Path(name), free_port()
        (folder / "magic").write_text("0:%PDF-:PDF:PDF document:DOCUMENT\n")
        settings = (
            ("PidFile", folder / "c.pid"),
            ("CommandsSocket", folder / "c.ctl"),
            ("Port", f"127.0.0.1:{port}"),
            ("StartServers", 1),
            ("MaxServers", 2),
            ("ThreadsPerChild", 10),
            ("TmpDir", folder),
            ("ServerLog", folder / "server.log"),
            ("AccessLog", folder / "access.log"),
            ("ModulesDir", modules),
            ("ServicesDir", modules),
            ("TemplateDir", "/usr/share/c_icap/templates/"),
            ("TemplateDefaultLanguage", "en"),
            ("LoadMagicFile", folder / "magic"),
            ("Module", "common clamd_mod.so"),
            ("clamd_mod.ClamdSocket", clamd.unix_url.removeprefix("unix://")),
            ("Service", "antivirus_module virus_scan.so"),
            ("ServiceAlias", f"{SERVICE} virus_scan?allow204=on&sizelimit=off&mode=simple"),
            ("virus_scan.ScanFileTypes", "TEXT DATA EXECUTABLE ARCHIVE GIF JPEG MSOFFICE DOCUMENT"),
            ("virus_scan.SendPercentData", 0),  # else it would pass a document on before it knows
            ("virus_scan.MaxObjectSize", "50M"),  # what is larger passes unseen
            ("virus_scan.DefaultEngine", "clamd"),
        )
        config = folder / "c-icap.conf"
        config.write_text("".join(f"{setting} {value}\n" for setting, value in settings))
        log = folder / "out.log"
        with log.open("wb") as output:
            process = subprocess.Popen([program, "-f", str(config), "-N"], stdout=output, stderr=output)
        try:
            _wait(port, process, log)
            run_logs.keep(log, run_logs.SERVER)
            yield f"icap://127.0.0.1:{port}/{SERVICE}"
        finally:
            process.terminate()
            process.wait(30)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _LONGEST_WAIT
    asked = b"OPTIONS icap://127.0.0.1/%s ICAP/1.0\r\nHost: 127.0.0.1\r\n\r\n" % SERVICE.encode()
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as found:
            found.sendall(asked)
            if found.recv(100).startswith(b"ICAP/1.0 200"):
                return
        time.sleep(0.05)
    raise IcapMissingError(f"c-icap does not answer:\n{log.read_text()}")
