"""A link as a QR code: modules, terminal lines, PNG, SVG. Black on white with its quiet zone, whatever the theme.

Error correction is M, the quiet zone four modules (ISO/IEC 18004). A link of 42 bytes is version 3: with half blocks
19 rows of 37 cells, which fits 80×24 with a line of text to spare.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from xml.sax.saxutils import escape

QUIET = 4
"""Modules of white around the code."""
BLACK, WHITE = "#000000", "#ffffff"
_ANSI = "\x1b[38;2;0;0;0;48;2;255;255;255m"
_RESET = "\x1b[0m"


@dataclass(frozen=True, slots=True)
class QrCode:
    """The modules of a code, quiet zone included; true is black."""

    text: str
    rows: tuple[tuple[bool, ...], ...]

    @property
    def size(self) -> int:
        """Modules on a side, quiet zone included."""
        return len(self.rows)

    @property
    def version(self) -> int:
        return (self.size - 2 * QUIET - 17) // 4


@dataclass(frozen=True, slots=True)
class CellSize:
    """Terminal cells that a drawing takes."""

    columns: int
    rows: int

    def fits(self, columns: int, rows: int) -> bool:
        return self.columns <= columns and self.rows <= rows


@lru_cache(maxsize=2048)
def qr_code(text: str) -> QrCode:
    """The smallest code that holds the text as it is.

    Raises:
        ValueError: the text is longer than a QR code can hold (2331 bytes).
    """
    import qrcode
    from qrcode.exceptions import DataOverflowError

    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, border=QUIET)
    code.add_data(text, optimize=0)
    try:
        code.make(fit=True)
    except (DataOverflowError, ValueError) as error:
        raise ValueError("the text is longer than a QR code can hold") from error
    return QrCode(text, tuple(tuple(bool(module) for module in row) for row in code.get_matrix()))


def half_blocks(code: QrCode) -> tuple[str, ...]:
    """Lines with two modules above each other in a cell; to be shown black on white.

    With an odd number of modules the lowest half line is white.
    """
    white = (False,) * code.size
    rows = code.rows if code.size % 2 == 0 else (*code.rows, white)
    signs = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return tuple("".join(signs[pair] for pair in zip(upper, lower, strict=True)) for upper, lower in pairs)


def full_blocks(code: QrCode) -> tuple[str, ...]:
    """Lines with a module in two cells, for terminals that leave gaps between lines; to be shown black on white."""
    return tuple("".join("██" if module else "  " for module in row) for row in code.rows)


def blocks(code: QrCode, *, full: bool = False) -> tuple[str, ...]:
    return full_blocks(code) if full else half_blocks(code)


def cell_size(code: QrCode, *, full: bool = False) -> CellSize:
    """What the drawing needs; a smaller place would clip it, and a clipped code cannot be read."""
    return CellSize(code.size * 2, code.size) if full else CellSize(code.size, (code.size + 1) // 2)


def too_small(code: QrCode, columns: int, rows: int, *, full: bool = False) -> str:
    """Why the code cannot be shown in a place, and what to do; empty when it can."""
    size = cell_size(code, full=full)
    if size.fits(columns, rows):
        return ""
    half = cell_size(code)
    if full and half.fits(columns, rows):
        return f"Full blocks need {size.columns}×{size.rows} cells; here are {columns}×{rows}. Half blocks fit."
    return (
        f"The QR code needs {half.columns}×{half.rows} cells; here are {columns}×{rows}. "
        "Enlarge the window, or make the letters smaller."
    )


def ansi_lines(code: QrCode, *, full: bool = False) -> tuple[str, ...]:
    """Terminal lines that set black on white themselves and put everything back at their end."""
    return tuple(f"{_ANSI}{line}{_RESET}" for line in blocks(code, full=full))


def svg(code: QrCode, *, millimetres: float = 40.0, title: str = "") -> str:
    """An SVG document of that size; it scales without blurring."""
    size = code.size
    heading = f"<title>{escape(title)}</title>" if title else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{millimetres:g}mm" height="{millimetres:g}mm" '
        f'viewBox="0 0 {size} {size}" shape-rendering="crispEdges" role="img">{heading}'
        f'<rect width="{size}" height="{size}" fill="{WHITE}"/>'
        f'<path fill="{BLACK}" d="{svg_path(code)}"/></svg>\n'
    )


def svg_path(code: QrCode) -> str:
    """The black modules as one path in units of a module: a bar for each run."""
    return "".join(f"M{x} {y}h{length}v1h-{length}z" for x, y, length in bars(code))


def bars(code: QrCode) -> tuple[tuple[int, int, int], ...]:
    """Runs of black modules: column, row, length."""
    found = []
    for y, row in enumerate(code.rows):
        x = 0
        while x < len(row):
            length = 0
            while x + length < len(row) and row[x + length]:
                length += 1
            if length:
                found.append((x, y, length))
            x += length or 1
    return tuple(found)


def png(code: QrCode, *, scale: int = 10) -> bytes:
    """A PNG picture with `scale` pixels for a module, one bit for a pixel (PNG specification, colour type 0)."""
    side = code.size * scale
    lines = bytearray()
    for row in code.rows:
        bits = "".join(("0" if module else "1") * scale for module in row)
        packed = int(bits.ljust(-(-side // 8) * 8, "0"), 2).to_bytes(-(-side // 8))
        lines += (b"\x00" + packed) * scale
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(lines), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
