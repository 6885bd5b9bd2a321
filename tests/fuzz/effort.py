"""How long the fuzzers look: a little in every run, long with ``make fuzz``."""

from hypothesis import HealthCheck, settings

LONG = "long"
BRIEF = "brief"
_TIMES = 50

settings.register_profile(LONG, deadline=None, print_blob=True)


def fuzz(examples: int) -> settings:
    """So many examples, always the same ones; half of them in the gate, with the profile `long` fifty times as many, and new ones."""
    profile = settings.get_current_profile_name()
    is_long = profile == LONG
    if profile == BRIEF:
        examples //= 2
    return settings(
        max_examples=examples * _TIMES if is_long else examples,
        derandomize=not is_long,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
