"""One installation with its console, for the whole module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.console import ConsoleSite, console_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    folder: Path = tmp_path_factory.mktemp("console")
    with console_site(folder) as started:
        yield started
