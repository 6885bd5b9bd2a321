"""What may change the meaning of an item makes it unusable for decision support, wherever it stands."""

from typing import Any

import pytest

from tests.support import bundles as b
from tests.support.mapped import allergy, mapped


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ({"implicitRules": "http://example.org/rules"}, "implicit_rules"),
        ({"modifierExtension": [{"url": "x", "valueBoolean": True}]}, "modifier_extension"),
        ({"code": {**b.allergy()["code"], "modifierExtension": [{"url": "x"}]}}, "modifier_extension"),
        ({"contained": [{"resourceType": "Basic", "implicitRules": "x"}]}, "implicit_rules"),
    ],
)
def test_an_allergy_with_what_may_change_its_meaning_is_not_usable(part: dict[str, Any], code: str) -> None:
    def active(**fields: Any) -> Any:
        item = b.allergy(**fields)
        return allergy(mapped(b.bundle(b.patient(), item)))

    assert active()["usable_for_decision_support"]
    assert not active(**part)["usable_for_decision_support"]
    assert code in active(**part)["issue_codes"]
