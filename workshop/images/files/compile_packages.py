"""Compiles installed packages to byte code, each version of a package once for all environments.

Usage: python compile_packages.py SITE_PACKAGES [CACHE] [--fixed-time]

Compiled files are valid for a source's time and size. With `--fixed-time` every source gets the same time, so that
what was compiled for another environment fits this one; without, it fits where sources are links to the same files.
Only the standard library is used: this runs on the environment's own Python.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import io
import os
import py_compile
import sys
import tarfile
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

FIXED_TIME = 946684800
KEEP_SECONDS = 90 * 86400
DONE = "workshop-compiled.txt"
"""Names the packages that were compiled here already, in `SITE_PACKAGES`."""


def sources(record: Path) -> list[str]:
    """The Python files that a package's RECORD names, relative to site-packages."""
    with open(record, encoding="utf-8", newline="") as file:
        names = [row[0] for row in csv.reader(file) if row]
    return sorted(name for name in names if name.endswith(".py") and not name.startswith(("..", "/")))


def compiled_name(name: str) -> str:
    return importlib.util.cache_from_source(name)


def compile_one(path: str) -> None:
    """Files that are no valid Python (templates, say) stay as they are."""
    try:
        py_compile.compile(path, doraise=True, quiet=2)
    except (py_compile.PyCompileError, OSError, ValueError, RecursionError):
        return


def fits(source: Path, compiled: bytes) -> bool:
    """Whether the interpreter will accept it: magic number, no flags, the source's time and size."""
    try:
        facts = source.stat()
    except OSError:
        return False
    wanted = importlib.util.MAGIC_NUMBER + bytes(4)
    for number in (int(facts.st_mtime), facts.st_size):
        wanted += (number & 0xFFFFFFFF).to_bytes(4, "little")
    return compiled[:16] == wanted


def restore(site: Path, names: list[str], archive: Path) -> bool:
    """Unpack what was compiled before; False when it does not fit these sources."""
    source_of = {compiled_name(name): site / name for name in names}
    found: dict[Path, bytes] = {}
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                file = tar.extractfile(member)
                if file is None or member.name not in source_of:
                    return False
                content = file.read()
                if not fits(source_of[member.name], content):
                    return False
                found[site / member.name] = content
        os.utime(archive)
    except (OSError, tarfile.TarError):
        return False
    for path, content in found.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return True


def keep(site: Path, names: list[str], archive: Path) -> None:
    """Put a package's compiled files into the cache, in one step."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in map(compiled_name, names):
            if (site / name).is_file():
                tar.add(site / name, arcname=name, recursive=False)
    descriptor, temporary = tempfile.mkstemp(dir=archive.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(buffer.getvalue())
    os.replace(temporary, archive)


def forget_old(cache: Path) -> None:
    oldest = time.time() - KEEP_SECONDS
    for path in cache.iterdir():
        if path.stat().st_mtime < oldest:
            path.unlink()


def main() -> None:
    sys.pycache_prefix = None
    words = [word for word in sys.argv[1:] if word != "--fixed-time"]
    site, cache = Path(words[0]), Path(words[1]) if len(words) > 1 else None
    fixed = "--fixed-time" in sys.argv
    marker = site / DONE
    done = set(marker.read_text(encoding="utf-8").split()) if marker.exists() else set()
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
    waiting: list[tuple[list[str], str]] = []
    for record in sorted(site.glob("*.dist-info/RECORD")):
        key = hashlib.sha256(record.read_bytes() + importlib.util.MAGIC_NUMBER).hexdigest()[:32]
        if key in done:
            continue
        done.add(key)
        names = [name for name in sources(record) if (site / name).is_file()]
        if fixed:
            for name in names:
                os.utime(site / name, (FIXED_TIME, FIXED_TIME))
        if cache is None or not restore(site, names, cache / key):
            waiting.append((names, key))
    paths = [str(site / name) for names, _ in waiting for name in names]
    if paths:
        with ProcessPoolExecutor(os.cpu_count() or 1) as pool:
            for _ in pool.map(compile_one, paths, chunksize=16):
                pass
    if cache is not None:
        for names, key in waiting:
            keep(site, names, cache / key)
        forget_old(cache)
    marker.write_text("\n".join(sorted(done)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
