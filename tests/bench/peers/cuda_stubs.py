"""Lets PyPI's torch run on a CPU without gigabytes of CUDA libraries.

That wheel is linked to CUDA's libraries, which nothing here calls. Where they
are absent, one small library that answers "no device" takes their names:

    python cuda_stubs.py

does nothing when torch's libraries find everything, as a CPU wheel's do.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

# cudaErrorNoDevice, which every function returns.
NO_DEVICE = 100


def torch_libraries() -> Path:
    """The folder of torch's shared libraries, found without importing it."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        sys.exit("cuda_stubs: torch is not installed")
    return Path(spec.origin).parent / "lib"


def missing(library: Path) -> tuple[set[str], dict[str, set[str]]]:
    """Libraries that are not found, and by version the symbols they had."""
    output = subprocess.run(
        ["ldd", "-r", library], capture_output=True, text=True, check=False
    )
    text = output.stdout + output.stderr
    symbols = defaultdict(set)
    pattern = r"undefined symbol: (\w+)(?:, version (\S+))?\s"
    for name, version in re.findall(pattern, text):
        # Python's own are in the interpreter.
        if not name.startswith(("Py", "_Py")):
            symbols[version].add(name)
    return set(re.findall(r"(\S+) => not found", text)), symbols


def build(names: set[str], symbols: dict[str, set[str]], folder: Path) -> None:
    """Compiles the stand-in into `folder` and links each name to it."""
    everything = sorted(set().union(*symbols.values()))
    source = "".join(
        f"int {name}(void) {{ return {NO_DEVICE}; }}\n" for name in everything
    )
    versions = "".join(
        f"{version} {{ {' '.join(f'{name};' for name in sorted(members))} }};\n"
        for version, members in symbols.items()
        if version
    )
    library = folder / "libcuda_stubs.so"
    with tempfile.TemporaryDirectory() as scratch:
        script = Path(scratch) / "versions"
        script.write_text(versions)
        subprocess.run(
            ["g++", "-xc", "-w", "-fno-builtin", "-shared", "-fPIC", "-"]
            + [f"-Wl,--version-script={script}", "-o", library],
            input=source,
            text=True,
            check=True,
        )
    for name in names:
        (folder / name).symlink_to(library.name)


def main() -> None:
    folder = torch_libraries()
    names, symbols = missing(folder / "libtorch_python.so")
    if names:
        build(names, symbols, folder)


if __name__ == "__main__":
    main()
