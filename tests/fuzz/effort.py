"""How long the fuzzers look: a little in every run, long with ``make fuzz``."""

from hypothesis import HealthCheck, settings

LONG = "long"
_TIMES = 50

settings.register_profile(LONG, deadline=None, print_blob=True)


def fuzz(examples: int) -> settings:
    """So many examples, always the same ones; with the profile `long` fifty times as many, and new ones."""
    is_long = settings.get_current_profile_name() == LONG
    return settings(
        max_examples=examples * _TIMES if is_long else examples,
        derandomize=not is_long,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
