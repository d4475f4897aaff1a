"""Who works here: the name by which a class tells others on the same engine whose it is."""

from __future__ import annotations

import os
import pwd


def login() -> str:
    """The login name of this process's user, from the system's own records; its number where they have none."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
