"""Key rings: read strictly, rotated without a restart, never shown."""

import base64
import contextlib
import time
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Misconfigured
from bridge.ledger.keys import KeyFile, KeyRing, KeyUnknown, add_key, create_ring, key_faults, open_keys
from bridge.settings import AuditSettings, Settings, VaultSettings

ONE, TWO = bytes(range(32)), bytes(range(32, 64))


def line(key_id: str, key: bytes) -> str:
    return f"{key_id}:{base64.b64encode(key).decode()}\n"


def test_the_first_line_is_the_current_key_and_every_line_a_known_one():
    ring = KeyRing.parse(f"# made on a Monday\n\n{line('two', TWO)} {line('one', ONE)}")
    assert (ring.current, ring.key("two"), ring.key("one")) == ("two", TWO, ONE)


def test_a_key_that_is_not_in_the_ring_is_an_error_that_names_its_id():
    with pytest.raises(KeyUnknown, match="'gone'") as raised:
        KeyRing.parse(line("one", ONE)).key("gone")
    assert raised.value.key_id == "gone"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "holds no key"),
        ("# only a comment\n", "holds no key"),
        (line("Upper", ONE), "line 1: the id"),
        (line("a" * 33, ONE), "line 1: the id"),
        (line("", ONE), "line 1: the id"),
        ("one", "line 1: the key must be 32 bytes"),
        ("one:not base64", "line 1: the key must be 32 bytes"),
        (line("one", ONE[:16]), "line 1: the key must be 32 bytes"),
        (line("one", bytes(32)), "line 1: the key is one byte repeated"),
        (line("one", ONE) + line("one", TWO), "line 2: the id is used before"),
        (line("one", ONE) + line("two", ONE), "line 2: the key is used before"),
    ],
)
def test_a_ring_with_a_fault_is_refused(text, problem):
    with pytest.raises(Misconfigured) as raised:
        KeyRing.parse(text)
    assert any(said.startswith(problem) for said in raised.value.problems)


def test_every_fault_of_a_ring_is_told_at_once():
    with pytest.raises(Misconfigured) as raised:
        KeyRing.parse("UP:x\n" + line("one", bytes(32)))
    assert len(raised.value.problems) == 3


@given(st.text())
def test_any_text_is_a_ring_or_misconfigured(text):
    with contextlib.suppress(Misconfigured):
        ring = KeyRing.parse(text)
        assert len(ring.key(ring.current)) == 32


def test_no_key_is_shown_by_repr_or_by_a_fault():
    ring = KeyRing.parse(line("one", ONE))
    encoded = base64.b64encode(ONE).decode()
    with pytest.raises(Misconfigured) as raised:
        KeyRing.parse(f"one:{encoded}x\nUP:{encoded}")
    for shown in (repr(ring), str(raised.value)):
        assert encoded not in shown
        assert repr(ONE) not in shown


def test_a_new_ring_is_for_its_owner_only_and_never_replaces_another(tmp_path: Path):
    path = tmp_path / "state" / "vault.keys"
    key_id = create_ring(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert KeyFile(path, "X").ring.current == key_id
    content = path.read_bytes()
    with pytest.raises(Misconfigured, match="exists"):
        create_ring(path)
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_rotation_adds_a_current_key_and_keeps_the_others_and_the_mode(tmp_path: Path):
    path = tmp_path / "vault.keys"
    path.write_text("# the hospital's own words\n" + line("one", ONE))
    path.chmod(0o640)
    new = add_key(path)
    ring = KeyFile(path, "X").ring
    assert (ring.current, ring.key("one")) == (new, ONE)
    assert "# the hospital's own words" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_key_can_be_made_known_everywhere_before_it_is_used(tmp_path: Path):
    path = tmp_path / "vault.keys"
    path.write_text(line("one", ONE).rstrip())
    new = add_key(path, current=False)
    ring = KeyFile(path, "X").ring
    assert ring.current == "one"
    assert len(ring.key(new)) == 32


def test_a_key_is_not_added_to_a_file_that_is_no_ring(tmp_path: Path):
    path = tmp_path / "vault.keys"
    path.write_text("notes\n")
    with pytest.raises(Misconfigured):
        add_key(path)
    assert path.read_text() == "notes\n"


def test_a_rotation_is_seen_without_a_restart(tmp_path: Path):
    path = tmp_path / "vault.keys"
    old = create_ring(path)
    keys = KeyFile(path, "X", look_every=0)
    new = add_key(path)
    assert keys.ring.current == new
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:1]))
    with pytest.raises(KeyUnknown):
        keys.ring.key(old)


def test_a_worker_sees_a_rotation_soon_though_it_does_not_look_at_every_request(tmp_path: Path):
    path = tmp_path / "vault.keys"
    create_ring(path)
    keys = KeyFile(path, "X", look_every=0.2)
    new = add_key(path)
    deadline = time.monotonic() + 10
    while keys.ring.current != new:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("damage", [lambda path: path.write_text("half a li"), Path.unlink])
def test_a_ring_that_becomes_unreadable_leaves_the_keys_in_use(tmp_path: Path, damage):
    path = tmp_path / "vault.keys"
    current = create_ring(path)
    keys = KeyFile(path, "X", look_every=0)
    damage(path)
    with structlog.testing.capture_logs() as lines:
        assert keys.ring.current == current
        assert keys.ring.current == current
    assert [entry["event"] for entry in lines] == (["key_ring_unreadable"] if path.exists() else [])


def test_the_faults_of_both_files_come_in_one_list(tmp_path: Path):
    (tmp_path / "vault").write_text("UP:x")
    settings = Settings(
        vault=VaultSettings(keys_file=tmp_path / "vault"), audit=AuditSettings(keys_file=tmp_path / "audit")
    )
    faults = key_faults(settings)
    assert [fault.split(":")[0] for fault in faults] == [
        *["BRIDGE_VAULT_KEYS_FILE"] * 2,
        "BRIDGE_AUDIT_KEYS_FILE",
    ]
    with pytest.raises(Misconfigured) as raised:
        settings.check(also=faults)
    assert set(faults) < set(raised.value.problems)
    assert any("BRIDGE_PDS_URL" in problem for problem in raised.value.problems)


def test_outside_the_sandbox_both_rings_are_required_and_none_is_made(tmp_path: Path):
    faults = key_faults(Settings(state_dir=tmp_path))
    assert faults == ("BRIDGE_VAULT_KEYS_FILE: is required", "BRIDGE_AUDIT_KEYS_FILE: is required")
    assert not list(tmp_path.iterdir())


def test_the_sandbox_makes_its_own_rings_once(tmp_path: Path):
    settings = Settings(sandbox=True, state_dir=tmp_path / "state")
    first, second = open_keys(settings), open_keys(settings)
    assert first.vault.ring == second.vault.ring
    assert first.vault.ring.key(first.vault.ring.current) != first.audit.ring.key(first.audit.ring.current)
