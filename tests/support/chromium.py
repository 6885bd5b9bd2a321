"""A real headless Chromium, driven over its DevTools protocol by two pipes: no port, no driver, no library.

The browser comes from ``CHROMIUM`` when that is set, else from the path, else from the distribution's package.
"""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import apt

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PACKAGE = "chromium-headless-shell"
READ_FD, WRITE_FD = 3, 4
"""Where a browser started with ``--remote-debugging-pipe`` reads and writes."""
_LONGEST_WAIT = 60.0


class ChromiumMissingError(Exception):
    """No Chromium can be found or started."""


def chromium() -> str:
    found = os.environ.get("CHROMIUM") or apt.provided(PACKAGE, installed)
    if found is None:
        raise ChromiumMissingError(f"no Chromium: name one in CHROMIUM, or install the package {PACKAGE}")
    return found


def installed() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass
class Observed:
    """What a page did, or tried to do, while it was open."""

    requests: list[str] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


class Browser:
    """One browser process with one page."""

    def __init__(self, folder: Path) -> None:
        self.observed = Observed()
        self._log = folder / "chromium.log"
        to_browser, self._write = _pipe()
        self._read, from_browser = _pipe()
        command = [
            chromium(),
            "--headless",
            "--no-sandbox",  # tests run as root
            "--window-size=1024,768",  # the least that must be supported (HT-026)
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--no-first-run",
            f"--user-data-dir={folder / 'profile'}",
            "--remote-debugging-pipe",
        ]
        actions = [
            (os.POSIX_SPAWN_OPEN, 2, str(self._log), os.O_WRONLY | os.O_CREAT, 0o600),
            (os.POSIX_SPAWN_DUP2, to_browser, READ_FD),
            (os.POSIX_SPAWN_DUP2, from_browser, WRITE_FD),
        ]
        self._pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions, setpgroup=0)
        os.close(to_browser)
        os.close(from_browser)
        self._answers = b""
        self._last = 0
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; what the page does meanwhile is noted."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def open(self, page: Path) -> None:
        """Open a file and wait until it is loaded and quiet."""
        self.observed = Observed()
        self.call("Page.setLifecycleEventsEnabled", enabled=True)
        loader = self.call("Page.navigate", url=page.as_uri())["loaderId"]
        while True:
            event = self._next()
            parameters = event.get("params", {})
            if (
                event.get("method") == "Page.lifecycleEvent"
                and parameters["name"] == "networkIdle"
                and parameters["loaderId"] == loader
            ):
                break
        self.observed.requests.remove(page.as_uri())

    def evaluate(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def screenshot(self, file: Path) -> None:
        """A picture of the whole page, not only of what fits the window."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._read)
        os.close(self._write)

    def _next(self) -> dict[str, Any]:
        """The next message of the browser."""
        deadline = time.monotonic() + _LONGEST_WAIT
        while b"\0" not in self._answers:
            ready, _, _ = select.select([self._read], [], [], max(deadline - time.monotonic(), 0))
            piece = os.read(self._read, 1 << 20) if ready else b""
            if not piece:
                raise ChromiumMissingError(f"no answer:\n{self._log.read_text()[-2000:]}")
            self._answers += piece
        first, _, self._answers = self._answers.partition(b"\0")
        message: dict[str, Any] = json.loads(first)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, method: str | None, parameters: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.observed.requests.append(parameters["request"]["url"])
        elif method == "Network.loadingFailed" and "blockedReason" in parameters:
            self.observed.blocked.append(parameters["blockedReason"])
        elif method == "Log.entryAdded":
            self.observed.complaints.append(parameters["entry"]["text"])
        elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            self.observed.complaints.append(json.dumps(parameters)[:500])
        elif method == "Page.javascriptDialogOpening":
            self.observed.dialogs.append(parameters["message"])
            self._last += 1
            dismiss = {"id": self._last, "method": "Page.handleJavaScriptDialog", "params": {"accept": False}}
            os.write(self._write, json.dumps(dismiss | {"sessionId": self._session}).encode() + b"\0")


def _pipe() -> tuple[int, int]:
    """A pipe whose ends are out of the way of the numbers that the browser uses."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return moved[0], moved[1]


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    running = Browser(folder)
    try:
        yield running
    finally:
        running.close()
