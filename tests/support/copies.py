"""What an EPR holds of a patient: it takes parts, or changes, and never deletes for what did not come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class AreaCopy:
    """One area.

    Attributes:
        snapshot_id: of the last event of changes that was taken; None: of none yet.
        items: by `item_id`, as they were told last; those that did not come again among them.
        not_returned: ids of these, and whether they may be hidden.
        others: items of practices that the patient was with before.
        said: what was told of the area beside its items.
    """

    snapshot_id: str | None = None
    items: dict[str, Any] = field(default_factory=dict)
    not_returned: dict[str, bool] = field(default_factory=dict)
    others: list[Any] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def returned(self) -> dict[str, Any]:
        """The items that came the last time that they could."""
        return {name: item for name, item in self.items.items() if name not in self.not_returned}

    def take_changes(self, data: Mapping[str, Any]) -> bool:
        """Take an event of changes; False when one before it was missed: then nothing is taken."""
        base = data["base_snapshot_id"]
        if base is None:
            self._put_aside(data["whole_because"], data["covers"])
        elif base != self.snapshot_id:
            return False
        for change in data["changes"]:
            name = change["item_id"]
            if change["op"] == "not_returned":
                self.not_returned[name] = change["may_be_hidden"]
            else:
                self.items[name] = change["item"]
                self.not_returned.pop(name, None)
        self.snapshot_id = data["snapshot_id"]
        self.said = {name: value for name, value in data.items() if name != "changes"}
        return True

    def _put_aside(self, why: str, covers: str) -> None:
        if why == "practice_changed":
            self.others += self.items.values()
            self.items, self.not_returned = {}, {}
        elif covers == "all_items":
            self.not_returned |= dict.fromkeys(self.items, True)
