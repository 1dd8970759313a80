"""Packages that add interpolation methods, built as wheels and installed with pip into a separate folder."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from slomo_batch.interpolators.registry import added_methods, find_method

SOURCE = Path(__file__).parent / "other_package" / "slomo_tint.py"
METHODS = {"tint": "slomo_tint:TINT", "echo": "slomo_tint:ECHO"}
"""The package's methods: name and value of each entry point."""


def install(
    site: Path,
    *,
    name: str = "slomo-tint",
    version: str = "1.0",
    methods: Mapping[str, str] = METHODS,
    module: str = "slomo_tint",
    source: str | None = None,
) -> None:
    """Build a wheel of the package and install it into the folder `site`, which it replaces."""
    wheel = site.with_name(f"{site.name}-wheel") / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    wheel.parent.mkdir(parents=True, exist_ok=True)
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    entries = "".join(f"{method} = {value}\n" for method, value in methods.items())
    files = {
        f"{module}.py": SOURCE.read_text() if source is None else source,
        "slomo_tint_levels/warm-1.safetensors": "0.75",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[slomo_batch.interpolators]\n{entries}",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"]))
    shutil.rmtree(site, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--upgrade"]
    subprocess.run([*pip, "--target", str(site), str(wheel)], check=True, capture_output=True)
    forget_found_methods()


def forget_found_methods() -> None:
    """Let this process look for packages again, as a new one does."""
    added_methods.cache_clear()
    find_method.cache_clear()
