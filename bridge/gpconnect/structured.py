"""`$gpc.getstructuredrecord`: the request as FHIR, and the answer as it came."""

from datetime import UTC, datetime

from bridge.fhir.build import patient_parameters
from bridge.fhir.parameters import Wanted
from bridge.fhir.parsing import Parsed
from bridge.gpconnect import rules
from bridge.gpconnect.answer import PracticeAnswer
from bridge.observe import record
from bridge.observe.vocabulary.upstreams import BundleIdDiffers
from bridge.record.dates import uk_day


def structured_parameters(nhs_number: str, wanted: Wanted) -> bytes:
    """The body of a request for these parameters; every option is stated, so that no default decides.

    Raises:
        RequestRejected: the areas cannot be asked for together, or an option is out of its range.
    """
    rules.check(wanted, today=uk_day(datetime.now(UTC)))
    return patient_parameters(nhs_number, wanted)


class StructuredAnswer(PracticeAnswer):
    """An answer to a request for a structured record."""

    __slots__ = ()

    def parsed(self) -> Parsed:
        """See `PracticeAnswer.parsed`."""
        parsed = super().parsed()
        # New in 1.5, and not kept by every provider.
        if parsed.content.get("id") not in (None, self.trace_id):
            record(BundleIdDiffers(self.practice_ods, self.trace_id))
        return parsed
