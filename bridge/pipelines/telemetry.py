"""How a pipeline tells the log what happened: events of its own, as typed as the engine's.

An event is a frozen dataclass that derives from `RequestEvent`, with a `name`, a `level`, and fields: counts,
times, codes (`Code`) and words of its own (`Words`). There is no field for anything of a patient, and what a
handler records names its request.
"""

from bridge.observe import record
from bridge.observe.vocabulary.base import Code, Level, RequestEvent, Words

__all__ = ["Code", "Level", "RequestEvent", "Words", "record"]
