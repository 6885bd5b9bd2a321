"""Asking for a structured record.

Options stand inside the area they belong to, so an option of an area that is not wanted cannot be sent.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, get_args

from pydantic import Field, create_model, model_validator

from bridge.areas.allergies.options import AllergyOptions
from bridge.areas.consultations.options import ConsultationOptions
from bridge.areas.diary_entries.options import DiaryOptions
from bridge.areas.immunisations.options import ImmunisationOptions
from bridge.areas.investigations.options import InvestigationOptions
from bridge.areas.medications.options import MedicationOptions
from bridge.areas.observations.options import ObservationOptions
from bridge.areas.problems.options import ProblemOptions
from bridge.areas.referrals.options import ReferralOptions
from bridge.areas.spec import AreaSpec, AreaTable
from bridge.areas.table import AREAS
from bridge.contracts.renderings import RenderingName
from bridge.contracts.requests import GpConnectRequest, Model, OdsCode
from bridge.fhir.parameters import Value


class WantedAreas(Model):
    """The clinical areas wanted; at least one.

    Attributes:
        table: which areas there are. Each has a field of its name, None when it is not wanted.
    """

    table: ClassVar[AreaTable]

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if not self._wanted:
            raise ValueError("must name at least one clinical area")
        return self

    @cached_property
    def _wanted(self) -> tuple[tuple[AreaSpec[Any, Any], Model], ...]:
        each = ((area, getattr(self, area.name, None)) for area in self.table.areas)
        return tuple((area, options) for area, options in each if options is not None)

    def wanted(self) -> Sequence[tuple[AreaSpec[Any, Any], Model]]:
        """Each area that is wanted, with its options, in the order of a record."""
        return self._wanted

    def options(self) -> Mapping[str, Model]:
        """The options of each area that is wanted, by its name, as the practice is to take them."""
        return self._options

    @cached_property
    def _options(self) -> Mapping[str, Model]:
        return {
            area.name: options.model_copy(update=unsaid)
            if (unsaid := self._unsaid(area, options))
            else options
            for area, options in self._wanted
        }

    def parameters(self) -> Mapping[str, Mapping[str, Value]]:
        """The parameters of ``$gpc.getstructuredrecord``, each with its parts, in a fixed order."""
        return self._parameters

    @cached_property
    def _parameters(self) -> Mapping[str, Mapping[str, Value]]:
        wanted = {area.name: options for area, options in self._wanted}
        return {
            area.parameter: {
                part: value
                for part, value in area.query(wanted[area.name]).items()
                if area.fields.get(part) not in self._unsaid(area, wanted[area.name])
            }
            for area in self.table.by_name
            if area.query is not None and area.name in wanted
        }

    def name_of(self, parameter: str, part: str | None = None) -> str:
        """Which field of a request a parameter, or a part of one, comes from."""
        area = next((area for area in self.table.areas if area.parameter == parameter), None)
        if area is None:
            return parameter if part is None else f"{parameter}.{part}"
        option = [] if part is None else [area.fields.get(part, part)]
        return ".".join(["data", "areas", area.name, *option])

    @cached_property
    def _brings_linked(self) -> bool:
        return any(area.brings_linked for area, _ in self._wanted)

    def _unsaid(self, area: AreaSpec[Any, Any], options: Model) -> Mapping[str, object]:
        """Options that are not sent, with what the practice takes then (see `AreaSpec.practice_defaults`)."""
        if not self._brings_linked:
            return {}
        return {
            name: value
            for name, value in area.practice_defaults.items()
            if name not in options.model_fields_set
        }


def areas_model(table: AreaTable = AREAS) -> type[WantedAreas]:
    """The model of what may be asked for of these areas."""
    fields: dict[str, Any] = {
        area.name: (area.options | None, None) for area in table.areas if area.options is not None
    }
    words = "The clinical areas wanted; at least one."
    model = create_model("Areas", __base__=WantedAreas, __doc__=words, **fields)
    model.table = table
    return model


if TYPE_CHECKING:

    class Areas(WantedAreas):
        """What a type checker sees of them, which cannot see the table."""

        medications: MedicationOptions | None = None
        allergies: AllergyOptions | None = None
        problems: ProblemOptions | None = None
        consultations: ConsultationOptions | None = None
        immunisations: ImmunisationOptions | None = None
        observations: ObservationOptions | None = None
        referrals: ReferralOptions | None = None
        diary_entries: DiaryOptions | None = None
        investigations: InvestigationOptions | None = None

else:
    Areas = areas_model()
    """Those of this product."""


class RecordRequest(GpConnectRequest):
    """``record.requested.v1``: the structured record of one patient."""

    areas: Areas
    practice_ods_code: OdsCode | None = None
    """Checked against the registered practice that PDS names; it never replaces it (CS-005)."""
    renderings: Annotated[tuple[RenderingName, ...], Field(max_length=len(get_args(RenderingName)))] = ()
    """Further forms of the answer that are wanted, beside those that the site has switched on for each."""


def record_request(table: AreaTable) -> type[RecordRequest]:
    """The request for a record of other areas than this product's."""
    fields: dict[str, Any] = {"areas": (areas_model(table), ...)}
    return create_model("RecordRequest", __base__=RecordRequest, __doc__=RecordRequest.__doc__, **fields)
