"""NHS numbers: ten digits, the last a modulus-11 check digit (NHS Data Dictionary)."""

NHS_NUMBER_SYSTEM = "https://fhir.nhs.uk/Id/nhs-number"
_LENGTH = 10


def is_valid_nhs_number(value: str) -> bool:
    """Whether `value` is ten ASCII digits with a correct check digit."""
    if len(value) != _LENGTH or not (value.isascii() and value.isdigit()):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(value, range(10, 1, -1), strict=False))
    return (11 - total % 11) % 11 == int(value[-1])
