"""The last test of every run: no patient can be read in any log line that the run wrote."""

from pathlib import Path

import pytest

from tests.support import run_logs

TESTS = Path(__file__).parents[2]
# Tests that cannot have run without writing such a log.
WRITES = {
    TESTS / "integration" / "pipeline": run_logs.PROCESS,
    TESTS / "integration" / "cli": run_logs.CHILD,
    TESTS / "integration" / "bus": run_logs.SERVER,
}


@pytest.mark.duty("JO-033")
def test_not_one_nhs_number_is_in_the_logs_of_the_whole_run(request, log_folder):
    assert run_logs.leaks(log_folder) == []
    written = [file.name for file in log_folder.iterdir() if file.stat().st_size]
    for folder, kind in WRITES.items():
        ran = any(folder in item.path.parents for item in request.session.items)
        assert not ran or any(name.startswith(kind) for name in written), f"{kind}: nothing was kept"
