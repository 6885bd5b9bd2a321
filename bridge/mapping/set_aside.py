"""Elements that GP Connect does not use and that may carry meaning: noted, never interpreted.

The profile pages forbid to consume them; a reader must still know that something was sent (CS-041), which an
issue of the record says. The item itself is what it would be without them (CS-037), its issue codes
included, whenever they are noted. What has no meaning by the specification is not among them: `taken`
(CS-075), `verificationStatus` (CS-089).
"""

from bridge.fhir.read import Item, JsonObject


def note_set_aside(item: Item, holder: JsonObject, elements: frozenset[str], path: str = "") -> None:
    """Note each of `elements` that `holder`, which stands at `path`, was sent with."""
    if not holder.keys().isdisjoint(elements):
        for name in sorted(each for each in elements.intersection(holder) if holder[each]):
            item.aside += (("element_not_in_profile", path + name),)
