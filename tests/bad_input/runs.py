"""Run folders: where one cannot be, and where one cannot be gone on with."""

import errno
import os
from pathlib import Path
from typing import Any

from tests.bad_input.cases import case
from tests.bad_input.ground import Ground, train


@case(2, "out", "is a file, not a folder", "another --out")
def out_is_a_file(g: Ground) -> list[str]:
    g.write("out", "mine")
    return train(g.classes())


@case(2, "out", "already holds a run", "smalti train --resume out")
def out_holds_a_run(g: Ground) -> list[str]:
    g.run("out", finished=True)
    return train(g.classes())


@case(2, "out", "holds other files", "report.html", "another --out")
def out_holds_other_files(g: Ground) -> list[str]:
    g.write("out/report.html", "mine")
    return train(g.classes())


@case(2, "out", "not a name in UTF-8", "another --out")
def out_that_is_not_utf8(g: Ground) -> list[str]:
    return [*train(g.classes())[:-1], os.fsdecode(b"out\xff")]


@case(74, "file/out", "Not a directory", "another --out")
def out_below_a_file(g: Ground) -> list[str]:
    g.write("file", "mine")
    return [*train(g.classes())[:-1], "file/out"]


@case(74, "out", "Read-only file system", "another --out")
def out_on_a_read_only_disk(g: Ground) -> list[str]:
    real = Path.mkdir

    def mkdir(self: Path, *args: Any, **kwargs: Any) -> None:
        if "out" in self.parts:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))
        real(self, *args, **kwargs)

    g.patch.setattr(Path, "mkdir", mkdir)
    return train(g.classes())


def full_disk(g: Ground, name: str) -> None:
    """No room for a file of this name."""
    real = os.fsync

    def fsync(handle: int) -> None:
        if name in os.readlink(f"/proc/self/fd/{handle}"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    g.patch.setattr(os, "fsync", fsync)


for _file in ("run.toml", "best.safetensors", "last.safetensors", "model.safetensors", "result.json", "report.html"):

    def _full(g: Ground, file: str = _file) -> list[str]:
        full_disk(g, f".{file}")
        return train(g.classes())

    _full.__name__ = f"full_disk_at_{_file.split('.')[0]}_{_file.split('.')[1]}"
    case(74, f"out|{_file}", "No space left on device", "free space", leaves=True)(_full)


@case(4, "cat/|dog/", "not finite", "optim.lr", leaves=True)
def loss_that_diverges(g: Ground) -> list[str]:
    command = train(g.classes(), "--set", "optim.grad_clip=none", "--set", "optim.name=sgd")
    command[command.index("--steps") + 1] = "40"
    return [*(part.replace("optim.lr=0.01", "optim.lr=1e30") for part in command)]


@case(2, "nowhere", "does not exist")
def resume_of_nothing(g: Ground) -> list[str]:
    return ["train", "--resume", "nowhere"]


@case(2, "d", "is not a run folder", "run.toml")
def resume_of_a_folder_that_is_no_run(g: Ground) -> list[str]:
    return ["train", "--resume", g.classes()]


@case(2, "x", "is a file|not a run folder")
def resume_of_a_file(g: Ground) -> list[str]:
    g.write("x", "mine")
    return ["train", "--resume", "x"]


@case(2, "data", "changed", "start a new run")
def resume_when_the_data_has_changed(g: Ground) -> list[str]:
    run_folder = g.run()
    text = Path(run_folder, "run.toml").read_text()
    data = next(line for line in text.splitlines() if line.startswith("data = "))
    g.classes("data", n=9)
    Path(run_folder, "run.toml").write_text(text.replace(data, f'data = "{os.path.abspath("data")}"'))
    return ["train", "--resume", run_folder]


@case(2, "gone", "no such file or folder", "name where it is now")
def resume_when_the_data_is_gone(g: Ground) -> list[str]:
    def edit(text: str) -> str:
        data = next(line for line in text.splitlines() if line.startswith("data = "))
        return text.replace(data, f'data = "{os.path.abspath("gone")}"')

    return ["train", "--resume", g.settings(edit)]


@case(3, "r/checkpoints/last.safetensors", "not a readable checkpoint")
def resume_from_half_a_checkpoint(g: Ground) -> list[str]:
    g.cut(f"{g.run()}/checkpoints/last.safetensors")
    return ["train", "--resume", "r"]


@case(3, "r/checkpoints/last.safetensors", "checksum")
def resume_from_a_checkpoint_with_a_flipped_bit(g: Ground) -> list[str]:
    g.damage(f"{g.run()}/checkpoints/last.safetensors", 0.9)
    return ["train", "--resume", "r"]


@case(3, "r/checkpoints/last.safetensors", "not a readable checkpoint")
def resume_from_an_empty_checkpoint(g: Ground) -> list[str]:
    g.run()
    g.write("r/checkpoints/last.safetensors", b"")
    return ["train", "--resume", "r"]


@case(3, "r/checkpoints/best.safetensors", "checksum")
def resume_with_a_damaged_best_model(g: Ground) -> list[str]:
    g.damage(f"{g.run()}/checkpoints/best.safetensors", 0.9)
    return ["train", "--resume", "r"]


@case(3, "r/checkpoints/last.safetensors", "does not fit")
def resume_from_the_checkpoint_of_another_model(g: Ground) -> list[str]:
    return ["train", "--resume", g.settings(lambda text: text.replace("cct_nano", "cct_mini"))]


@case(3, "r/run.toml", "does not describe a run", "not valid TOML")
def resume_when_run_toml_is_not_toml(g: Ground) -> list[str]:
    return ["train", "--resume", g.settings(lambda text: text.replace("[optim]", "[optim"))]


@case(3, "r/run.toml", "does not describe a run")
def resume_when_run_toml_is_empty(g: Ground) -> list[str]:
    return ["train", "--resume", g.settings(lambda text: "")]


@case(3, "r/run.toml", "does not describe a run", "fingerprint")
def resume_when_run_toml_lacks_a_line(g: Ground) -> list[str]:
    return [
        "train",
        "--resume",
        g.settings(lambda text: "".join(x for x in text.splitlines(True) if not x.startswith("fingerprint"))),
    ]


@case(3, "r/run.toml", "does not describe a run")
def resume_when_run_toml_has_a_wrong_type(g: Ground) -> list[str]:
    return ["train", "--resume", g.settings(lambda text: text.replace("steps = 2", 'steps = "two"'))]


@case(3, "r/run.toml", "does not describe a run", "optim")
def resume_when_run_toml_has_an_unknown_section(g: Ground) -> list[str]:
    return ["train", "--resume", g.settings(lambda text: text.replace("[optim]", "[optimm]"))]


@case(3, "r/run.toml", "does not describe a run")
def resume_when_a_section_of_run_toml_is_a_value(g: Ground) -> list[str]:
    return ["train", "--resume", g.settings(lambda text: "run = 3\n")]


@case(2, "out", "another process is training in this folder", "wait for it")
def second_process_in_the_run_folder(g: Ground) -> list[str]:
    import fcntl

    handle = os.open(f"{g.run('out')}/.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    g.patch.setattr(g, "lock", handle, raising=False)  # held until the case is over
    return ["train", "--resume", "out"]


@case(74, "out", "cannot be locked", "No locks available", "another disk")
def out_on_a_disk_that_knows_no_locks(g: Ground) -> list[str]:
    import fcntl

    def flock(handle: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    g.patch.setattr(fcntl, "flock", flock)
    return train(g.classes())
