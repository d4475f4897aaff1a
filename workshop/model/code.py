"""The secret of a seat: eight signs that can be read aloud and typed."""

from __future__ import annotations

import hashlib
import hmac

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LENGTH = 8

_SEPARATORS = str.maketrans("", "", " -_.")


def seat_code(key: str, number: int) -> str:
    """The code of seat `number` in the classroom whose secret is `key` (hex).

    Derived, not drawn: a seat that is made anew, by any machine, has the same code and so the same link.
    The digest is read as one large number, whose remainders are uniform to within 2^-216.
    """
    value = int.from_bytes(hmac.digest(bytes.fromhex(key), f"code:{number}".encode(), hashlib.sha256))
    signs = []
    for _ in range(LENGTH):
        value, rest = divmod(value, len(ALPHABET))
        signs.append(ALPHABET[rest])
    return "".join(signs)


def normalise_code(text: str) -> str | None:
    """What a student typed, as a code: any case, with or without spaces and dashes; None if it cannot be one."""
    code = text.strip().upper().translate(_SEPARATORS)
    if len(code) != LENGTH or any(sign not in ALPHABET for sign in code):
        return None
    return code


def derive_secret(key: str, purpose: str) -> str:
    """A secret for one purpose (a seat's token, the cookies' key) from the classroom's secret `key` (hex)."""
    return hmac.digest(bytes.fromhex(key), purpose.encode(), hashlib.sha256).hex()
