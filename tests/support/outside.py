"""The environment that this process was started in, before the tests changed it for themselves."""

import os
from collections.abc import Mapping
from typing import Final

ENVIRONMENT: Final[Mapping[str, str]] = dict(os.environ)
