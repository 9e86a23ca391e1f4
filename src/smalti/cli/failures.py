"""Every way a command can fail, as one line on stderr and an exit code."""

import sys
import traceback
import warnings

from cyclopts import CycloptsError

from smalti.cli.output import as_line
from smalti.errors import InputError, Interrupted, SmaltiError, StorageError, printable

__all__ = ["FAULT", "INTERRUPTED", "PIPE", "report", "show_warnings_plainly"]

FAULT = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
PIPE = 141  # 128 + SIGPIPE


def report(error: BaseException, *, as_json: bool, debug: bool) -> int:
    """Writes `error` to stderr and returns the exit code.

    Args:
        error: what the command raised.
        as_json: one `{"error": {...}}` object instead of a sentence.
        debug: the traceback first.
    """
    if isinstance(error, BrokenPipeError) or isinstance(error.__context__, BrokenPipeError):  # rich makes it an exit
        return PIPE
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if debug:
        traceback.print_exception(error)
    failure = _translate(error)
    if failure is not None:
        name = "stopped" if isinstance(failure, Interrupted) else "error"
        sentence, fields, code = f"{name}: {failure}", failure.as_dict(), failure.exit
    elif isinstance(error, KeyboardInterrupt):
        sentence, code = "stopped: interrupted", INTERRUPTED
        fields = {"what": "interrupted", "where": "", "why": "", "mend": "", "exit": code}
    else:
        what, mend, code = f"a fault in smalti: {type(error).__name__}", "run it with --debug and report that", FAULT
        sentence = f"error: {what} ({printable(error)}); {mend}"
        fields = {"what": what, "where": "", "why": printable(error), "mend": mend, "exit": code}
    sys.stderr.write(f"{as_line({'error': fields}) if as_json else sentence}\n")
    return code


def _translate(error: BaseException) -> SmaltiError | None:
    """The refusal a person can act on; None for what nobody foresaw."""
    if isinstance(error, SmaltiError):
        return error
    if isinstance(error, CycloptsError):
        what = " ".join(str(error).split()).removesuffix(".")
        command = " ".join(("smalti", *(error.command_chain or ())))
        what, _, near = what.partition(". Did you mean ")
        return InputError(what, mend=f"did you mean {near}" if near else f"see {command} --help")
    if isinstance(error, OSError):
        where = error.filename if error.filename is not None else ""
        return StorageError(f"{error.strerror or error}", where=where, mend="free space or look at the disk")
    torchs = type(error).__name__ == "OutOfMemoryError" or "allocate memory" in str(error)  # without importing torch
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and torchs):
        return InputError("out of memory", mend="use a smaller batch, picture size or model")
    if isinstance(error, RuntimeError) and "DataLoader worker" in str(error):  # it strikes anywhere, in a step too
        from smalti.data.workers import reader_death

        return reader_death(error)
    return None


def show_warnings_plainly() -> None:
    """A Python warning is one line for a person, without the source line that raised it."""

    def show(message: Warning | str, category: object, filename: object, lineno: object, *_: object) -> None:
        sys.stderr.write(f"warning: {printable(message)}\n")

    warnings.showwarning = show
