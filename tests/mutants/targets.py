"""Which modules are changed, and which tests are to notice: what is published, and the life of a request.

The tests are the cheap ones that prove enough. They run in the changed process itself: what only a
worker of its own shows (`tests/faults`) is not seen from here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Target:
    """Modules, by pattern, and the files or folders of the tests that must notice a change in them.

    Of a module that several name the last counts.
    """

    modules: str
    tests: tuple[str, ...]

    def files(self) -> list[Path]:
        """The modules, from the top of the repository."""
        return sorted(
            path.relative_to(ROOT) for path in ROOT.glob(self.modules) if path.name != "__init__.py"
        )


_MAPPING = ("tests/unit/mapping", "tests/unit/areas", "tests/contract/golden/test_corpus.py")
_PUBLISHED = ("tests/unit/contracts", "tests/contract/schemas")
_ENGINE = (
    "tests/unit/engine",
    "tests/unit/renderings",
    "tests/integration/engine/test_journal.py",
    "tests/integration/engine/test_runner.py",
    "tests/integration/engine/test_side_effects.py",
    "tests/integration/testing",
)
_IN_DOUBT = (*_ENGINE, "tests/integration/side_effects/test_once.py")

TARGETS: Sequence[Target] = (
    Target("bridge/engine/retry.py", ("tests/unit/engine",)),
    Target("bridge/engine/outcomes.py", _ENGINE),
    Target("bridge/engine/runner.py", _ENGINE),
    Target("bridge/engine/handling.py", _ENGINE),
    Target("bridge/engine/side_effects.py", _ENGINE),
    Target("bridge/engine/in_doubt*.py", _IN_DOUBT),
    Target("bridge/engine/rendering.py", _ENGINE),
    Target("bridge/engine/journal/*.py", _ENGINE),
    Target("bridge/renderings/**/*.py", _ENGINE),
    Target("bridge/contracts/*events.py", _PUBLISHED),
    Target("bridge/areas/**/events.py", (*_PUBLISHED, "tests/unit/areas", "tests/unit/mapping")),
    Target(
        "bridge/contracts/envelope.py",
        ("tests/unit/contracts", "tests/unit/engine", "tests/fuzz/test_requests.py"),
    ),
    Target("bridge/mapping/*.py", _MAPPING),
    Target("bridge/mapping/bounds.py", (*_MAPPING, "tests/fuzz/test_growth.py")),
    Target("bridge/areas/description.py", _MAPPING),
    Target("bridge/areas/allergies/mapping.py", _MAPPING),
    Target("bridge/areas/allergies/no_known.py", _MAPPING),
    Target("bridge/areas/medications/mapping.py", _MAPPING),
    Target("bridge/areas/medications/course_state.py", _MAPPING),
)
