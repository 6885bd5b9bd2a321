"""Which modules are changed, and which tests are to notice: what is published, and the life of a request.

The tests are those that need no more than a NATS server. They run in the changed process itself: what only a
worker of its own shows (`tests/faults`) is not seen from here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Target:
    """Modules, by pattern, and the files or folders of the tests that must notice a change in them."""

    modules: str
    tests: tuple[str, ...]

    def files(self) -> list[Path]:
        """The modules, from the top of the repository."""
        return sorted(
            path.relative_to(ROOT) for path in ROOT.glob(self.modules) if path.name != "__init__.py"
        )


_ENGINE = ("tests/unit/engine", "tests/integration/pipeline/test_structured_record.py")
_MAPPING = ("tests/unit/mapping", "tests/unit/areas", "tests/contract/golden/test_corpus.py")

TARGETS: Sequence[Target] = (
    Target("bridge/engine/retry.py", ("tests/unit/engine",)),
    Target("bridge/engine/outcomes.py", _ENGINE),
    Target(
        "bridge/engine/runner.py", (*_ENGINE, "tests/integration/pipeline", "tests/integration/side_effects")
    ),
    Target(
        "bridge/engine/handling.py",
        (*_ENGINE, "tests/integration/pipeline", "tests/integration/side_effects"),
    ),
    Target("bridge/engine/side_effects.py", (*_ENGINE, "tests/integration/side_effects")),
    Target("bridge/engine/in_doubt*.py", (*_ENGINE, "tests/integration/side_effects")),
    Target("bridge/engine/rendering.py", (*_ENGINE, "tests/unit/renderings")),
    Target("bridge/renderings/**/*.py", ("tests/unit/renderings", "tests/unit/engine")),
    Target(
        "bridge/engine/journal/*.py",
        (*_ENGINE, "tests/integration/pipeline", "tests/integration/side_effects"),
    ),
    Target("bridge/contracts/*events.py", ("tests/unit/contracts", "tests/contract/schemas")),
    Target(
        "bridge/areas/**/events.py", ("tests/unit/contracts", "tests/contract/schemas", "tests/unit/areas")
    ),
    Target("bridge/contracts/envelope.py", ("tests/unit/contracts", "tests/unit/engine")),
    Target("bridge/mapping/*.py", _MAPPING),
    Target("bridge/areas/description.py", _MAPPING),
    Target("bridge/areas/allergies/mapping.py", _MAPPING),
    Target("bridge/areas/allergies/no_known.py", _MAPPING),
    Target("bridge/areas/medications/mapping.py", _MAPPING),
    Target("bridge/areas/medications/course_state.py", _MAPPING),
)
