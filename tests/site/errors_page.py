"""What can go wrong, and what to do about it: from the catalogue of codes and the words for operators."""

import ast
import inspect
from itertools import pairwise
from types import ModuleType
from typing import get_args

from bridge import errors
from bridge.cli import exits
from bridge.errors import MESSAGES, AppointmentRefusal, FailureCode, RegistrationRefusal
from bridge.operations import next_steps
from bridge.operations.next_steps import BY_CODE, BY_DETAIL
from tests.site.sources import SitePage
from tests.site.tables import address, code, row, table, words

_BEGIN = """# Errors, and what to do

A request that was understood and could not be fulfilled ends in [`request.failed`](../messages/request.failed.v1.md) with one of these
codes. What happened, and what to do, travel in it as words for the user. `bridge failures` and the console group requests by code and say the
next step for an operator; how to look further is in [when something is wrong](/deploy/README.md#when-something-is-wrong).
A message that breaks the contract ends in [`request.rejected`](../messages/request.rejected.v1.md).
"""


def errors_page() -> SitePage:
    """Every code with its words for users and for operators; what else failures are told by."""
    text = _BEGIN
    for failure in FailureCode:
        happened, advice = MESSAGES[failure]
        text += (
            f"\n## `{failure}` {{: #{address(failure)} }}\n\n{happened}\n\n"
            f"- **Users:** {advice}\n- **Operators:** {BY_CODE[failure]}\n"
        )
    return SitePage(
        "reference/errors.md",
        text
        + f"\n## Rejected, and in doubt\n\n- **Rejected:** {next_steps.REJECTED}\n- **In doubt:** {next_steps.IN_DOUBT}\n"
        + "\n## By the first word of the detail\n\nWhere the detail begins with one of these, it says more than the code.\n"
        + table(
            "Details",
            ("Detail", "What to do"),
            (row((code(word), words(said))) for word, said in BY_DETAIL.items()),
        )
        + "\n## Why an appointment was refused\n\n"
        + _reasons("AppointmentRefusal", get_args(AppointmentRefusal))
        + "\n## Why a registration was refused\n\n"
        + _reasons("RegistrationRefusal", get_args(RegistrationRefusal))
        + "\n## Exit codes of commands\n"
        + table(
            "Exit codes",
            ("Code", "Meaning"),
            (
                row((code(f"{exits.Exit[name].value}"), words(said)))
                for name, said in _documented(exits).items()
            ),
        ),
    )


def _reasons(name: str, values: tuple[str, ...]) -> str:
    """The words below a closed list.

    Raises:
        ValueError: a value of it is not explained.
    """
    said = _documented(errors)[name]
    if lacking := [value for value in values if f"``{value}``" not in said]:
        raise ValueError(f"{name}: not explained: {lacking}")
    return f"{words(said)}\n"


def _documented(module: ModuleType) -> dict[str, str]:
    """The text below each assignment of a module, and of its classes."""
    found: dict[str, str] = {}
    tree = ast.parse(inspect.getsource(module))
    for body in (tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))):
        for before, node in pairwise(body):
            match before, node:
                case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(text))):
                    found[name] = text
    return found
