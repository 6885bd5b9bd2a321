import pytest

from bridge.spine.ttl_cache import TtlCache


@pytest.mark.duty("SP-015")
def test_an_answer_is_used_until_its_time_is_up():
    now = 100.0
    recent = TtlCache[str, int](10, clock=lambda: now)
    recent.put("a", 1, 60.0)

    now = 159.9
    assert recent.get("a") == 1
    now = 160.0
    assert recent.get("a") is None


def test_only_the_latest_are_kept():
    recent = TtlCache[int, int](3)
    for number in range(4):
        recent.put(number, number, 60.0)
    recent.put(1, 11, 60.0)
    recent.put(4, 4, 60.0)

    assert [recent.get(number) for number in range(5)] == [None, 11, None, 3, 4]
