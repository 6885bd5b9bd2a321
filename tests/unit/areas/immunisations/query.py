from bridge.fhir.parameters import Value
from tests.unit.areas.immunisations.options import ImmunisationOptions

PARAMETER = "includeImmunisations"
NOT_GIVEN = "includeNotGiven"


def query(options: ImmunisationOptions) -> dict[str, Value]:
    return {NOT_GIVEN: options.include_not_given}
