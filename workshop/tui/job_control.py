"""Whether a shell is there that brings a stopped program back."""

from __future__ import annotations

import os


def has_shell() -> bool:
    """Whether this process is a shell's job of its own: `fg` continues it.

    Started otherwise (`ssh -t host workshop`, `tmux new workshop`, a wrapper), nobody would know that it was stopped.
    """
    parent = os.getppid()
    try:
        return os.getsid(parent) == os.getsid(0) and os.getpgid(parent) != os.getpgrp()
    except OSError:  # it has just ended, or may not be looked at
        return False
