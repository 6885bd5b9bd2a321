"""What tells the resources of an answer apart."""

from itertools import permutations

from bridge.fhir.index import index_bundle

SENT = [
    {"resourceType": "Encounter", "id": "e2"},
    {"resourceType": "Encounter", "id": "e1", "status": "finished"},
    {"resourceType": "Encounter", "id": "e1", "status": "planned"},
    {"resourceType": "Encounter", "id": "e1", "status": "planned"},
]


def test_resources_are_told_apart_by_name_then_by_content_in_one_order():
    orders = set()
    for sent in permutations(SENT):
        index = index_bundle({"entry": [{"resource": each} for each in sent]})
        found = sorted(index.received, key=index.key_of)
        keys = [index.key_of(each) for each in found]
        assert [ref for ref, _ in keys] == ["Encounter/e1"] * 3 + ["Encounter/e2"]
        assert len(set(keys)) == 3
        orders.add(tuple(each.resource.get("status") for each in found))
    assert len(orders) == 1
