"""How a pipeline tells the log what happened: events of its own, as typed as the engine's.

An event is a frozen dataclass that derives from `RequestEvent`, with a `name`, a `level`, and fields: counts,
times, codes (`Code`) and words of its own (`Words`). There is no field for anything of a patient, and what a
handler records names its request. A handler that maps by itself does so in ``with stage("map")``: that is a
span of the request's trace, and counts into the time that mapping takes.
"""

from bridge.observe import record
from bridge.observe.spans import stage
from bridge.observe.vocabulary.base import Code, Level, RequestEvent, Words

__all__ = ["Code", "Level", "RequestEvent", "Words", "record", "stage"]
