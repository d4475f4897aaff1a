"""Byte code: compiled once for each version of a package, and never used for other sources."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from workshop.images.files import compile_packages

SCRIPT = Path(compile_packages.__file__)


def package(site: Path, text: str = "x = 1\n") -> Path:
    """An installed package of one module, as its RECORD says."""
    site.mkdir(parents=True, exist_ok=True)
    (site / "mod.py").write_text(text)
    (site / "template.py").write_text("this is {{ no }} Python")
    info = site / "mod-1.dist-info"
    info.mkdir(exist_ok=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    (info / "RECORD").write_text(
        f"mod.py,sha256={digest},\ntemplate.py,,\n../bin/tool.py,,\nmod-1.dist-info/RECORD,,\n"
    )
    return site


def compile_site(site: Path, *words: str) -> None:
    subprocess.run([sys.executable, str(SCRIPT), str(site), *words], check=True, capture_output=True)


def compiled(site: Path) -> Path:
    return site / compile_packages.compiled_name("mod.py")


def test_a_package_is_compiled_for_its_sources(tmp_path: Path) -> None:
    site = package(tmp_path / "site")
    compile_site(site)
    assert compile_packages.fits(site / "mod.py", compiled(site).read_bytes())
    assert not (site / compile_packages.compiled_name("template.py")).exists()


def test_another_environment_takes_what_was_compiled(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    compile_site(package(tmp_path / "one"), str(cache), "--fixed-time")
    (kept,) = cache.iterdir()
    before = kept.read_bytes()
    other = package(tmp_path / "two")
    compile_site(other, str(cache), "--fixed-time")
    assert compile_packages.fits(other / "mod.py", compiled(other).read_bytes())
    # The code was compiled under the first environment's name: that is how it is known to be taken over.
    assert str(tmp_path / "one").encode() in compiled(other).read_bytes()
    assert [path.read_bytes() for path in cache.iterdir()] == [before]


def test_code_of_other_sources_is_not_taken(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    compile_site(package(tmp_path / "one"), str(cache))
    other = package(tmp_path / "two")
    (other / "mod.py").write_text("x = 22\n")
    compile_site(other, str(cache))
    assert str(tmp_path / "two").encode() in compiled(other).read_bytes()


def test_a_damaged_cache_is_passed_over(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    compile_site(package(tmp_path / "one"), str(cache), "--fixed-time")
    (kept,) = cache.iterdir()
    kept.write_bytes(kept.read_bytes()[:700])
    other = package(tmp_path / "two")
    compile_site(other, str(cache), "--fixed-time")
    assert compile_packages.fits(other / "mod.py", compiled(other).read_bytes())


def test_what_is_compiled_already_is_left_alone(tmp_path: Path) -> None:
    site = package(tmp_path / "site")
    compile_site(site)
    compiled(site).unlink()
    compile_site(site)
    assert not compiled(site).exists()


def test_a_changed_source_is_compiled_again_by_python_itself(tmp_path: Path) -> None:
    site = package(tmp_path / "site")
    compile_site(site, "--fixed-time")
    (site / "mod.py").write_text("x = 333\n")
    code = f"import sys; sys.path.insert(0, {str(site)!r}); import mod; print(mod.x)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "333\n"
