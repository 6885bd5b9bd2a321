import pytest

from bridge.spine.ttl_cache import TtlCache


@pytest.mark.duty("SP-015")
def test_an_answer_is_used_until_its_time_is_up():
    now = 100.0
    cache = TtlCache[str, int](10, clock=lambda: now)
    cache.put("a", 1, 60.0)

    now = 159.9
    assert cache.get("a") == 1
    now = 160.0
    assert cache.get("a") is None


def test_only_the_latest_are_kept():
    cache = TtlCache[int, int](3)
    for number in range(4):
        cache.put(number, number, 60.0)
    cache.put(1, 11, 60.0)
    cache.put(4, 4, 60.0)

    assert [cache.get(number) for number in range(5)] == [None, 11, None, 3, 4]
