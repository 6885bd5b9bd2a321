"""The table of `deploy/COMPATIBILITY.md`: which message and which setting there is since when.

``python -m tests.contract.upgrade.table`` writes it anew, from what is kept of each release and from the code.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from bridge.ledger.storage.schema import revisions
from tests.contract.deploy.test_guide import defaults
from tests.release.version import DECLARED
from tests.support.published import schemas

HERE: Final = Path(__file__).parent
GUIDE: Final = HERE.parents[2] / "deploy" / "COMPATIBILITY.md"
PART: Final = re.compile(r"(<!-- compatibility: .*? -->\n).*?(<!-- end of compatibility -->)", re.DOTALL)
RELEASES: Final = sorted(path.parent.name for path in HERE.glob("*/schemas.json"))
_NOT_MESSAGES: Final = {"cloudevent", "gp-record"}


def kept(release: str, name: str) -> Any:
    """What is kept of a release under a name."""
    return json.loads((HERE / release / name).read_text(encoding="utf-8"))


def written() -> str:
    """The tables, as Markdown."""
    kinds = {release: set(kept(release, "schemas.json")) - _NOT_MESSAGES for release in RELEASES}
    kinds[DECLARED] = set(schemas()) - _NOT_MESSAGES
    settings = {release: set(kept(release, "settings.json")) for release in RELEASES}
    settings[DECLARED] = set(defaults())
    ledgers = {release: kept(release, "ledger.json") for release in RELEASES} | {DECLARED: revisions()[-1]}
    rows = ["| Release | Schema of its ledger | Messages | Settings |", "|---|---|---|---|"]
    rows += [f"| {each} | {ledgers[each]} | {len(kinds[each])} | {len(settings[each])} |" for each in ledgers]
    return "\n".join([*rows, "", *_since("Message", kinds), "", *_since("Setting", settings)]) + "\n"


def _since(title: str, names: dict[str, set[str]]) -> Iterable[str]:
    yield f"| {title} | Since |"
    yield "|---|---|"
    first = {name: release for release in reversed(names) for name in names[release]}
    for name in sorted(first):
        yield f"| `{name}` | {first[name]} |"


if __name__ == "__main__":
    text = GUIDE.read_text(encoding="utf-8")
    GUIDE.write_text(PART.sub(lambda part: part[1] + written() + part[2], text), encoding="utf-8")
