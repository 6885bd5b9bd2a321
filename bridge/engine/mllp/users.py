"""The site's own directory of users: who stands behind the id in an ADT message.

A JSON file: an object whose names are the ids as they stand in EVN-5.1 or PV1-7.1, each with what a request
says of its user (`bridge.contracts.requests.Requester`)::

    {"DR481": {"user_id": "u-481", "family_name": "Patel", "given_names": ["Asha"], "prefix": "Dr",
               "role": "Hospital pharmacist",
               "organisation": {"ods_code": "RZZ01", "name": "General Hospital"}}}

Nobody is made up: who is not in it asks for nothing (SP-077).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import orjson
from pydantic import ValidationError

from bridge.contracts.decoding import json_object
from bridge.contracts.envelope import faults_of
from bridge.contracts.requests import Requester
from bridge.errors import Misconfigured, RequestRejected

SETTING: Final = "BRIDGE_LISTENER_USERS_FILE"
_LARGEST: Final = 64 * 1024 * 1024


def read_users(file: Path) -> Mapping[str, Requester]:
    """The users of the file, by the id that messages name them by.

    Raises:
        Misconfigured: it cannot be read, is no such file, or names nobody. Users are told of by their place
            in it, never by name.
    """
    try:
        content = json_object(file.read_bytes(), max_bytes=_LARGEST)
    except OSError as error:
        raise Misconfigured(f"{SETTING}: cannot be read ({error.strerror})") from None
    except RequestRejected as fault:
        raise Misconfigured(f"{SETTING}: {fault}") from None
    if not content:
        raise Misconfigured(f"{SETTING}: names nobody")
    users: dict[str, Requester] = {}
    problems: list[str] = []
    for number, (name, told) in enumerate(content.items(), 1):
        try:
            users[name] = Requester.model_validate_json(orjson.dumps(told), strict=True)
        except ValidationError as error:
            place, rule = faults_of(error)[0]
            problems.append(f"{SETTING}: user {number}: {place}: {rule}")
    if problems:
        raise Misconfigured(*problems)
    return users
