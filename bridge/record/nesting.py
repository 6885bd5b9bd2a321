"""How deeply a JSON value is nested: what walks it by recursion, or writes it, has a bound of its own."""


def is_nested_deeper(value: object, levels: int) -> bool:
    """Whether a JSON value has more than so many levels of objects and arrays; looks no deeper than that."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(levels):
        if not level:
            return False
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)
