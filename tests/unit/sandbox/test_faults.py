import pytest

from bridge.sandbox.control.board import FaultBoard
from bridge.sandbox.control.faults import FaultKind, InjectedFault
from bridge.sandbox.control.storms import APPOINTMENT_FAULTS, Storm

HTML = InjectedFault(FaultKind.HTML)


def test_the_most_particular_key_decides():
    board = FaultBoard()
    everybody = InjectedFault(FaultKind.HANG)
    board.set("*", everybody)
    board.set("A99001", HTML)
    assert board.take("practice", "9990000018", "A99001") is HTML
    assert board.take("practice", "9990000018", "A99002") is everybody
    assert board.take("practice", None) is everybody
    assert board.take("pds", "9990000018") is None


def test_a_fault_that_is_used_up_lets_the_next_key_decide():
    board = FaultBoard()
    once = InjectedFault(FaultKind.RESET, times=1)
    board.set("A", once)
    board.set("*", HTML)
    assert board.take("practice", "A") is once
    assert board.take("practice", "A") is HTML


def test_setting_again_counts_anew_and_clearing_ends_it():
    board = FaultBoard()
    for _ in range(2):
        board.set("A", InjectedFault(FaultKind.RESET, times=1))
        assert board.take("practice", "A") is not None
        assert board.take("practice", "A") is None
    board.set("A", HTML)
    board.set("B", HTML)
    board.clear("A")
    assert board.take("practice", "A") is None
    assert board.take("practice", "B") is HTML
    board.clear()
    assert board.take("practice", "B") is None


def test_json_there_and_back():
    fault = InjectedFault(
        FaultKind.STATUS, at="proxy", status=429, retry_after=3, delay=0.5, times=2, on=("book",)
    )
    assert InjectedFault.from_json(fault.to_json()) == fault
    assert Storm.from_json({"seed": 3, "probability": 0.5, "faults": [fault.to_json()]}) == Storm(
        3, 0.5, (fault,)
    )


def test_a_fault_begins_late_concerns_some_operations_and_ends_by_the_clock():
    now = 100.0
    board = FaultBoard(clock=lambda: now)
    for_all_but_the_first = InjectedFault(FaultKind.STATUS, status=409, after=1, on=("book",))
    board.set("A", for_all_but_the_first)
    assert board.take("practice", "A", operation="find_patient") is None
    taken = [board.take("practice", "A", operation="book") for _ in range(3)]
    assert taken == [None, for_all_but_the_first, for_all_but_the_first]
    down = InjectedFault(FaultKind.RESET, lasts=180.0)
    board.set("A", down)
    assert board.take("practice", "A", operation="amend") is down
    now += 179.0
    assert board.take("practice", "A", operation="amend") is down
    now += 1.0
    assert board.take("practice", "A", operation="amend") is None


def test_a_fault_of_no_operation_is_none():
    with pytest.raises(ValueError, match="no such operation"):
        InjectedFault(on=("booking",))


def test_what_only_a_practice_can_do_and_what_it_does_it_to():
    for kind in (FaultKind.LATE, FaultKind.TAKEN, FaultKind.TOUCHED):
        with pytest.raises(ValueError, match="only a practice"):
            InjectedFault(kind, at="proxy")
    board = FaultBoard()
    taken = InjectedFault(FaultKind.TAKEN, times=1)
    board.set("A", taken)
    assert board.take("practice", "A", operation="find_patient") is None
    assert board.take("practice", "A", operation="book") is taken


def weather(seed, probability=0.3, *, order=("A", "B")):
    board = FaultBoard()
    board.set_storm("*", Storm(seed, probability))
    met = {}
    for number in range(60):
        for patient in order:
            met[patient, number] = board.take("practice", patient, "A99001", operation="book")
    return met


def test_the_same_seed_draws_the_same_whoever_else_asks():
    assert weather(7) == weather(7, order=("B", "A"))
    assert weather(7) != weather(8)
    drawn = [fault for fault in weather(7).values() if fault]
    assert 20 <= len(drawn) <= 55
    assert len({fault.kind for fault in drawn}) > 5
    assert all(fault.at == "practice" and fault.concerns("book") for fault in drawn)
    assert not any(weather(7, 0.0).values())
    assert all(weather(7, 1.0).values())


def test_what_is_switched_on_goes_before_chance_and_clearing_ends_both():
    board = FaultBoard()
    board.set_storm("A99001", Storm(1, 1.0, APPOINTMENT_FAULTS))
    board.set("A", HTML)
    assert board.take("practice", "A", "A99001", operation="book") is HTML
    assert board.take("practice", "B", "A99001", operation="book") in APPOINTMENT_FAULTS
    assert board.take("practice", "B", "A99002", operation="book") is None
    board.clear()
    assert board.take("practice", "A", "A99001", operation="book") is None
