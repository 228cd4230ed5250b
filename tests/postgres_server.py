"""Nothing in, a real PostgreSQL server on a socket of its own out, gone when the tests are.

A throwaway cluster in a temporary folder, made with the binaries of the Debian package `postgresql` and run by an
unprivileged user (PostgreSQL refuses root). It listens on no port.
"""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

INSTALL = "PostgreSQL's binaries are not here: install the Debian package postgresql"


class Server:
    """A running cluster; each schema and database it hands out is new and empty."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self.binaries = binaries
        self.folder = folder
        self._numbers = count(1)

    def start(self) -> None:
        """Make the cluster and start it."""
        if os.getuid() == 0:
            owner = pwd.getpwnam(_unprivileged())
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self._run("initdb", "-D", "data", "-U", "moderation", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        # No fsync: what is tested is the store, not the disk under a cluster that lives for a minute.
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}' -c fsync=off"
        self._run("pg_ctl", "-D", "data", "-w", "-t", "30", "-l", "server.log", "-o", options, "start")

    def stop(self) -> None:
        """Stop the cluster at once."""
        self._run("pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop")

    def schema(self) -> str:
        """Make a schema and return the URL that leads into it: as good as a database, and made and gone in no time."""
        name = f"test_{next(self._numbers)}"
        self.sql(self.url("postgres"), f"create schema {name}")
        return f"{self.url('postgres')}&options=-csearch_path%3D{name}"

    def database(self, encoding: str) -> str:
        """Make a database in an encoding and return its URL."""
        name = f"test_{next(self._numbers)}"
        self._run("createdb", *self._where(), "-T", "template0", "-E", encoding, "--locale=C", name)
        return self.url(name)

    def url(self, name: str, user: str = "moderation") -> str:
        """Return the URL of a database by name, there or not."""
        return f"postgresql://{user}@/{name}?host={self.folder}"

    def sql(self, url: str, statement: str) -> None:
        """Run a statement as another program would."""
        self._run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, url)

    def _where(self) -> tuple[str, ...]:
        return ("-h", str(self.folder), "-U", "moderation")

    def _run(self, program: str, *arguments: str) -> None:
        owner = _unprivileged() if os.getuid() == 0 else None
        log = self.folder / "programs.log"
        with log.open("a") as output:  # not a pipe: the server that pg_ctl leaves behind would hold it open
            done = subprocess.run(
                [self.binaries / program, *arguments],
                check=False,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
                timeout=60,
                user=owner,
                group=owner and pwd.getpwnam(owner).pw_gid,
                extra_groups=[] if owner else None,
            )
        assert done.returncode == 0, f"{program} failed:\n{log.read_text()[-2000:]}"


def _unprivileged() -> str:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    pytest.fail("root may not run PostgreSQL, and there is neither a user postgres nor a user nobody")


def _binaries() -> Path | None:
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    if on_path:
        found.append(Path(on_path).resolve().parent)
    return max(found, key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0, default=None)


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """Yield a running server; without the binaries skip, and under CI=true fail."""
    binaries = _binaries()
    if binaries is None:
        if os.environ.get("CI") == "true":
            pytest.fail(INSTALL)
        pytest.skip(INSTALL)
    # Not pytest's folder: its parents are closed to the other user, and a socket's path must stay short.
    folder = Path(tempfile.mkdtemp(prefix="moderation-pg-"))
    try:
        server = Server(binaries, folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """Return the session's server."""
    with running() as server:
        yield server
