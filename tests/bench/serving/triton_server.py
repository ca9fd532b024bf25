"""Triton's own server, as the wheel nvidia-pytriton brings it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
import sysconfig
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from .servers import Server, ServerError, wait

_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _listens(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port)):
        return True
    return False


def _package() -> Path:
    # Found, not imported: that would need all that it imports.
    package = find_spec("pytriton")
    if package is None or package.origin is None:
        raise ServerError("nvidia-pytriton is not installed")
    return Path(package.origin).parent


def _install_backend(package: Path, folder: Path) -> None:
    """Triton's Python backend for this Python."""
    triton = package / "tritonserver"
    name = "triton_python_backend_stub"
    stub = triton / "python_backend_stubs" / _VERSION / name
    if not stub.is_file():
        raise ServerError(
            f"nvidia-pytriton has no Python backend for Python {_VERSION}; "
            "it has one for Debian 12's and for Debian 13's"
        )
    shutil.copytree(triton / "backends" / "python", folder / "python")
    shutil.copy(stub, folder / "python")
    (folder / "python" / name).chmod(0o755)


def _link_python(package: Path, folder: Path) -> None:
    """Has the backend use this Python's library.

    For some versions the wheel brings a library of its own, which looks for
    modules that Debian's Python has built in.
    """
    folder.mkdir()
    names = (sysconfig.get_config_var(key) for key in ("LIBDIR", "INSTSONAME"))
    library = Path(*map(str, names))
    if not library.exists():
        raise ServerError(f"{library} is missing: install libpython{_VERSION}")
    brought = package.parent / "nvidia_pytriton.libs"
    for other in brought.glob(f"libpython3-*.{_VERSION[2:]}.so.*"):
        (folder / other.name).symlink_to(library)
    (folder / library.name).symlink_to(library)


@contextlib.contextmanager
def _shared_memory() -> Iterator[str]:
    """A prefix for its names. Triton, ended early, leaves some behind."""
    prefix = f"attention_bench_{os.getpid()}_"
    try:
        yield prefix
    finally:
        for region in Path("/dev/shm").glob(f"{prefix}*"):
            region.unlink()


@contextlib.contextmanager
def started(
    repository: Path, folder: Path, cpus: list[int]
) -> Iterator[Server]:
    """Serving the models of `repository`."""
    package = _package()
    backends, libraries = folder / "backends", folder / "libraries"
    _install_backend(package, backends)
    _link_python(package, libraries)
    host, port = "127.0.0.1", _free_port()
    command = [str(package / "tritonserver" / "bin" / "tritonserver")]
    command += [f"--model-repository={repository}"]
    command += [f"--backend-directory={backends}"]
    command += [f"--grpc-address={host}", f"--grpc-port={port}"]
    command += ["--allow-http=false", "--allow-metrics=false"]
    paths = [libraries, package.parent / "nvidia_pytriton.libs"]
    environment = {
        "LD_LIBRARY_PATH": ":".join(map(str, paths)),
        # The backend's Python has the modules of the first one there.
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": "",
    }
    with contextlib.ExitStack() as stack:
        prefix = stack.enter_context(_shared_memory())
        command += [f"--backend-config=python,shm-region-prefix-name={prefix}"]
        server = Server("Triton", command, cpus, environment)
        stack.enter_context(contextlib.closing(server))
        # It listens once all models are loaded.
        wait(server, lambda: _listens(host, port))
        server.address = f"{host}:{port}"
        yield server
