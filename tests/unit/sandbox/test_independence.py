"""The sandbox judges the engine, so it may not lean on it."""

import ast
from pathlib import Path

import bridge.sandbox

ALLOWED = ("bridge.sandbox", "bridge.record", "bridge.fhir")


def test_it_imports_nothing_of_what_it_judges():
    for path in Path(bridge.sandbox.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            foreign = [name for name in names if name.startswith("bridge") and not name.startswith(ALLOWED)]
            assert not foreign, (path.name, foreign)
