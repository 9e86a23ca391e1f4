"""The files of a run: one folder, one process in it at a time."""

import errno
import json
import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smalti.errors import InputError, StorageError, few
from smalti.files import make_folder, require_folder, write_durably

__all__ = ["RunFolder"]

HELD = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES)  # said of a lock that another process has; on Windows the last


class RunFolder:
    """Where a run keeps its files.

    run.toml (everything needed to repeat it), metrics.jsonl, checkpoints/, model.safetensors, result.json, report.html.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.settings = self.path / "run.toml"
        self.tokenizer = self.path / "tokenizer.json"  # of a run on text
        self.metrics = self.path / "metrics.jsonl"
        self.checkpoints = self.path / "checkpoints"
        self.last = self.checkpoints / "last.safetensors"
        self.best = self.checkpoints / "best.safetensors"
        self.model = self.path / "model.safetensors"
        self.result = self.path / "result.json"
        self.report = self.path / "report.html"

    @property
    def teacher(self) -> "RunFolder":
        """Where a teacher that the run trains first keeps its files."""
        return RunFolder(self.path / "teacher")

    @property
    def resume_command(self) -> str:
        """What goes on with the run."""
        return f"smalti train --resume {shlex.quote(str(self.path))}"

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> "RunFolder":
        """A new run folder. Raises what `demand_free` does."""
        folder = cls(path)
        folder.demand_free()
        make_folder(folder.checkpoints)
        return folder

    def demand_free(self) -> None:
        """Passes where a run may be begun: nothing is there, or what one left that failed before it saved anything.

        Raises:
            InputError: a run is there already, or other files; the name is not UTF-8.
            StorageError: no folder can be made there, or it takes no files.
        """
        kept = (self.last, self.best, self.model, self.result, self.teacher.last, self.teacher.best)
        if any(file.exists() for file in kept):
            mend = f"{self.resume_command} goes on with it; another --out starts a new one"
            raise InputError("already holds a run", where=self.path, mend=mend)
        if self.path.exists() and not self.path.is_dir():
            raise InputError("is a file, not a folder", where=self.path, mend="choose another --out")
        gives_way = (self.settings, self.tokenizer, self.metrics, self.checkpoints, self.teacher.path)
        if others := sorted(set(self.path.glob("[!.]*")).difference(gives_way)):
            why = few(file.name for file in others)
            raise InputError("holds other files", where=self.path, why=why, mend="choose another --out")
        if not is_utf8(self.path):
            what = "is not a name in UTF-8, which model files need"
            raise InputError(what, where=self.path, mend="choose another --out")
        require_folder(self.path)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "RunFolder":
        """The run folder at `path`. Raises InputError where there is none."""
        folder = cls(path)
        if not folder.path.exists():
            raise InputError("does not exist", where=path, mend="name the folder that smalti train made")
        if not folder.settings.is_file():
            raise InputError(
                "is not a run folder",
                where=path,
                why="it has no run.toml",
                mend="name the folder that smalti train made",
            )
        return folder

    @staticmethod
    def next_free(name: str, parent: Path = Path("runs")) -> Path:
        """`runs/name-1`, or the next number that is not taken."""
        number = 1
        while (parent / f"{name}-{number}").exists():
            number += 1
        return parent / f"{name}-{number}"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the folder against a second process. The system lets go of it when the process ends, however it ends.

        Raises:
            InputError: another process trains in this folder.
            StorageError: it cannot be written to, or its disk knows no locks.
        """
        try:
            handle = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StorageError(
                "cannot be written to", where=self.path, why=error.strerror or str(error), mend="choose another --out"
            ) from error
        try:
            try:
                lock_file(handle)
            except OSError as error:
                if error.errno not in HELD:
                    why, mend = error.strerror or str(error), "choose an --out on another disk"
                    raise StorageError("cannot be locked", where=self.path, why=why, mend=mend) from error
                mend = "wait for it, or choose another --out"
                raise InputError("another process is training in this folder", where=self.path, mend=mend) from error
            yield
        finally:
            os.close(handle)

    def write_metrics(self, rows: Sequence[dict[str, float]]) -> None:
        """Replaces metrics.jsonl. The checkpoint, which holds the rows too, is written next: a run cut off between the
        two goes on from the older one and writes the rows again.
        """
        write_durably(self.metrics, "".join(json.dumps(row) + "\n" for row in rows))

    def write_result(self, result: dict[str, Any]) -> None:
        """Writes result.json."""
        write_durably(self.result, json.dumps(result, indent=2, ensure_ascii=False) + "\n")


def is_utf8(path: Path) -> bool:
    """Whether a path can be written as UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def lock_file(handle: int) -> None:
    """Locks an open file or raises OSError at once."""
    if os.name == "posix":
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    else:  # pragma: no cover - Windows
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
