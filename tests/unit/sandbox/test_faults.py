from bridge.sandbox.board import FaultBoard
from bridge.sandbox.faults import Fault, FaultKind

HTML = Fault(FaultKind.HTML)


def test_the_most_particular_key_decides():
    board = FaultBoard()
    everybody = Fault(FaultKind.HANG)
    board.set("*", everybody)
    board.set("A99001", HTML)
    assert board.take("practice", "9990000018", "A99001") is HTML
    assert board.take("practice", "9990000018", "A99002") is everybody
    assert board.take("practice", None) is everybody
    assert board.take("pds", "9990000018") is None


def test_a_fault_that_is_used_up_lets_the_next_key_decide():
    board = FaultBoard()
    once = Fault(FaultKind.RESET, times=1)
    board.set("A", once)
    board.set("*", HTML)
    assert board.take("practice", "A") is once
    assert board.take("practice", "A") is HTML


def test_setting_again_counts_anew_and_clearing_ends_it():
    board = FaultBoard()
    for _ in range(2):
        board.set("A", Fault(FaultKind.RESET, times=1))
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
    fault = Fault(FaultKind.STATUS, at="proxy", status=429, retry_after=3, delay=0.5, times=2)
    assert Fault.from_json(fault.to_json()) == fault
