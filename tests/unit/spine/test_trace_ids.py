import uuid
from hashlib import sha256

from bridge.spine.trace_ids import new_trace_id, trace_id_of


def test_every_one_is_another_random_uuid():
    made = [new_trace_id() for _ in range(1000)]

    assert len({*made}) == len(made)
    for text in made:
        read = uuid.UUID(text)
        assert (read.version, read.variant, str(read)) == (4, uuid.RFC_4122, text)


def test_that_of_a_text_is_the_uuid_of_its_hash():
    for number in range(1000):
        text = f"pds /hospital {number}"
        content = sha256(text.encode()).digest()[:16]

        assert trace_id_of(text) == str(uuid.UUID(bytes=content, version=4))
