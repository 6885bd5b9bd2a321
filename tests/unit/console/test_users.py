"""Users of a file: who they are to the console, and what they are called."""

from pathlib import Path

import pytest

from bridge.console.rights import Role
from bridge.console.sign_in.users import LocalUsers, put_user
from bridge.errors import Misconfigured

PASSWORD = "correct horse battery"


def test_a_user_has_the_name_of_a_person_where_the_file_says_one(tmp_path: Path):
    file = tmp_path / "users"
    put_user(file, "vera", [Role.VIEWER], PASSWORD)
    put_user(file, "olga", [Role.OPERATOR], PASSWORD, given_name="Siân Éva", family_name="O'Test-Demo")
    put_user(file, "axel", [Role.AUDITOR], PASSWORD)
    users = LocalUsers(file)
    vera, olga = users.current("vera"), users.current("olga")
    assert vera is not None
    assert olga is not None
    assert (vera.name, vera.given_name, vera.family_name) == ("vera", None, None)
    assert (olga.name, olga.given_name, olga.family_name) == (
        "Siân Éva O'Test-Demo",
        "Siân Éva",
        "O'Test-Demo",
    )


def test_who_gets_another_password_keeps_their_name(tmp_path: Path):
    file = tmp_path / "users"
    put_user(file, "olga", [Role.OPERATOR], PASSWORD, given_name="Olga", family_name="O\u2019Test")
    put_user(file, "olga", [Role.VIEWER], PASSWORD + "s")
    olga = LocalUsers(file).current("olga")
    assert olga is not None
    assert (olga.name, set(olga.roles)) == ("Olga O\u2019Test", {Role.VIEWER})


@pytest.mark.parametrize(
    ("given_name", "family_name"),
    [("Olga", None), ("Olga", ""), ("Olga", "Test, Olga"), ("Olga", "Te\nst"), ("9990000018", "Test")],
)
def test_what_is_no_name_of_a_person_is_refused(tmp_path: Path, given_name: str, family_name: str | None):
    with pytest.raises(Misconfigured, match="person"):
        put_user(
            tmp_path / "users",
            "olga",
            [Role.OPERATOR],
            PASSWORD,
            given_name=given_name,
            family_name=family_name,
        )


def test_a_line_that_ends_with_no_name_is_named(tmp_path: Path):
    file = tmp_path / "users"
    put_user(file, "olga", [Role.OPERATOR], PASSWORD)
    file.write_text(f"{file.read_text().strip()} somebody\n")
    with pytest.raises(Misconfigured, match="line 1 ends with no family name"):
        LocalUsers(file)
