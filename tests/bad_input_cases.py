"""What a person can do wrong: a table of cases, each a function that lays the ground and returns the command line."""

import errno
import gzip
import io
import json
import os
import pickle
import shlex
import shutil
import socket
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from smalti.data import Preprocess
from smalti.modelfile import FORMAT, ModelFile, write_model
from smalti.models import create_model

LABELS = ("cat", "dog")
TINY = shlex.split("--model cct_nano_patch2_8 --steps 2 --device cpu --set optim.lr=0.01 --out out")
ESCAPE = "\x1b[31m"


@dataclass(frozen=True)
class Case:
    """A mistake and what must come of it.

    Args:
        make: lays the ground in the current folder and returns the arguments after `smalti`.
        code: the exit code.
        names: the file, option or field the message must name.
        says: further words it must contain.
        leaves: whether new files may be left behind.
    """

    make: Callable[["Ground"], list[str]]
    code: int
    names: str
    says: tuple[str, ...]
    leaves: bool = False

    @property
    def id(self) -> str:
        return self.make.__name__


CASES: list[Case] = []


def case(code: int, names: str, *says: str, leaves: bool = False) -> Callable[[Callable[["Ground"], list[str]]], Any]:
    """Puts a mistake into the table."""

    def add(make: Callable[[Ground], list[str]]) -> Callable[[Ground], list[str]]:
        CASES.append(Case(make, code, names, says, leaves))
        return make

    return add


def picture(seed: int, size: tuple[int, int] = (8, 8), mode: str = "RGB", form: str = "PNG") -> bytes:
    """A small picture of noise, another for every seed."""
    rng = np.random.default_rng(seed)
    shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], len(mode))
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8), mode).save(buffer, form)
    return buffer.getvalue()


def big_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be enormous."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


class Ground:
    """The folder a case plays in: the current one. `finished` is a run that was trained once, to be copied."""

    def __init__(self, finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.finished, self.patch = finished, monkeypatch

    def write(self, path: str | bytes, content: bytes | str) -> Path:
        """A file with the folders above it."""
        file = Path(os.fsdecode(path))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def classes(self, root: str = "d", n: int = 8, seed: int = 0, labels: tuple[str, ...] = LABELS) -> str:
        """Class folders of `n` pictures each."""
        for number, label in enumerate(labels):
            for i in range(n):
                self.write(f"{root}/{label}/{i}.png", picture(seed + 1000 * number + i))
        return root

    def zip(self, path: str = "d.zip", extra: dict[str, bytes] | None = None) -> str:
        """Class folders in a zip."""
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for number, label in enumerate(LABELS):
                for i in range(8):
                    archive.writestr(f"{label}/{i}.png", picture(1000 * number + i))
            for name, content in (extra or {}).items():
                archive.writestr(name, content)
        return path

    def tar(self, path: str = "d.tar", mode: str = "w", extra: tuple[tarfile.TarInfo, ...] = ()) -> str:
        """Class folders in a tar."""
        with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
            for number, label in enumerate(LABELS):
                for i in range(8):
                    info, content = tarfile.TarInfo(f"{label}/{i}.png"), picture(1000 * number + i)
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
            for info in extra:
                archive.addfile(info, io.BytesIO(b"\0" * info.size))
        return path

    def manifest(self, text: str, path: str = "d/manifest.csv", n: int = 8) -> str:
        """A manifest beside pictures 0.png, 1.png, ..."""
        for i in range(n):
            self.write(f"d/{i}.png", picture(i))
        self.write(path, text)
        return "d"

    def model(self, path: str = "m.safetensors", **fields: Any) -> str:
        """A model file of an untrained network."""
        torch.manual_seed(0)
        module = create_model("vit_nano_patch2_8", num_classes=2, depth=1, embed_dim=16, num_heads=2)
        rule = Preprocess((8, 8), 3, (0.5,) * 3, (0.25,) * 3)
        given = {"family": "vit", "module": module, "task": "classify", "labels": LABELS, "processor": rule}
        write_model(path, ModelFile(**(given | fields)))
        return path

    def edited_model(self, edit: Callable[[dict[str, Any]], Any], path: str = "m.safetensors") -> str:
        """A model file whose metadata was changed by hand, everything else right."""
        content = Path(self.model(path)).read_bytes()
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        about = json.loads(header["__metadata__"]["smalti"])
        edit(about)
        header["__metadata__"]["smalti"] = json.dumps(about)
        text = json.dumps(header).encode()
        Path(path).write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
        return path

    def damage(self, path: str, at: float = 0.5, mask: int = 0x10) -> str:
        """Flips a bit at a share of the length."""
        content = bytearray(Path(path).read_bytes())
        content[min(int(at * len(content)), len(content) - 1)] ^= mask
        Path(path).write_bytes(content)
        return path

    def cut(self, path: str, share: float = 0.6) -> str:
        """Keeps the first part of a file."""
        content = Path(path).read_bytes()
        Path(path).write_bytes(content[: int(share * len(content))])
        return path

    def run(self, path: str = "r", *, finished: bool = False) -> str:
        """A copy of a run folder with its data beside it, where the run left it; not `finished`: without its model."""
        shutil.copytree(self.finished, path)
        if not finished:
            Path(path, "model.safetensors").unlink()
        return path

    def settings(self, edit: Callable[[str], str], path: str = "r") -> str:
        """A run folder whose run.toml was changed by hand."""
        file = Path(self.run(path), "run.toml")
        file.write_text(edit(file.read_text()))
        return path

    def deny(self, name: str, target: str = "os.open") -> None:
        """Takes the right to open files whose path ends in `name`, as root has none to lose."""
        module, function = target.rsplit(".", 1)
        real = getattr({"os": os, "io": io}[module], function)

        def opened(path: Any, *args: Any, **kwargs: Any) -> Any:
            if not isinstance(path, int) and os.fspath(path).endswith(name):
                raise PermissionError(errno.EACCES, "Permission denied", path)
            return real(path, *args, **kwargs)

        self.patch.setattr(target, opened)


def train(data: str = "d", *more: str) -> list[str]:
    return ["train", data, *TINY, *more]


def setting(text: str) -> Callable[[Ground], list[str]]:
    return lambda g: train(g.classes(), "--set", text)


# --- pictures


@case(2, "cat/0.png", "empty file, zero bytes", "--bad-images skip")
def zero_byte_picture(g: Ground) -> list[str]:
    g.classes()
    g.write("d/cat/0.png", b"")
    return train()


@case(2, "cat/0.jpg", "cut short|truncated|decoded", "--bad-images skip")
def truncated_jpeg(g: Ground) -> list[str]:
    g.classes()
    g.write("d/cat/0.jpg", picture(0, (64, 64), form="JPEG")[:900])
    return train()


@case(2, "cat/0.png", "cannot be decoded", "--bad-images skip")
def truncated_png(g: Ground) -> list[str]:
    g.classes()
    g.cut("d/cat/0.png")
    return train()


@case(2, "cat/0.png", "cannot be decoded", "--bad-images skip")
def flipped_bit_in_a_picture(g: Ground) -> list[str]:
    g.classes()
    g.damage("d/cat/0.png", 0.6)
    return train()


@case(2, "cat/0.png", "too large", "50 million")
def decompression_bomb(g: Ground) -> list[str]:
    g.classes()
    g.write("d/cat/0.png", big_header(60_000, 60_000))
    return train()


@case(2, "cat/0.jpg", "not a picture")
def text_named_as_a_picture(g: Ground) -> list[str]:
    g.classes()
    g.write("d/cat/0.jpg", "hello")
    return train()


@case(2, "cat/0.jpg", "a web page, not a picture")
def web_page_named_as_a_picture(g: Ground) -> list[str]:
    g.classes()
    g.write("d/cat/0.jpg", "<!DOCTYPE html><html>404</html>")
    return train()


@case(2, "cat/0.jpg", "Git LFS pointer", "git lfs pull")
def large_file_pointer(g: Ground) -> list[str]:
    g.classes()
    g.write("d/cat/0.jpg", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    return train()


@case(2, "cat/x.png", "Too many levels|symbolic links")
def link_to_itself(g: Ground) -> list[str]:
    g.classes()
    os.symlink("x.png", "d/cat/x.png")
    return train()


@case(2, "cat/x.png", "No such file")
def dangling_link(g: Ground) -> list[str]:
    g.classes()
    os.symlink("nowhere.png", "d/cat/x.png")
    return train()


@case(2, "cat/0.png", "Permission denied")
def unreadable_picture(g: Ground) -> list[str]:
    g.classes()
    g.deny("cat/0.png")
    return train()


@case(2, "d/cat", "Permission denied", "right to read")
def unreadable_folder(g: Ground) -> list[str]:
    g.classes()
    g.deny("d/cat", "os.scandir")
    return train()


@case(2, r"a\nb\x1b[31m.png", "not a picture")
def hostile_name_with_newline_and_escape(g: Ground) -> list[str]:
    g.classes()
    g.write(f"d/cat/a\nb{ESCAPE}.png", "hello")
    return train()


@case(2, r"\udcff", "not a picture")
def name_that_is_not_utf8(g: Ground) -> list[str]:
    g.classes()
    g.write(b"d/cat/\xff.png", "hello")
    return train()


@case(2, "aaaa…aaaa", "not a picture")
def name_of_255_bytes(g: Ground) -> list[str]:
    g.classes()
    g.write(f"d/cat/{'a' * 251}.png", "hello")
    return train()


@case(2, "[red]x[/red].png", "not a picture")
def name_that_is_markup(g: Ground) -> list[str]:
    g.classes()
    g.write("d/cat/[red]x[/red].png", "hello")
    return train()


@case(2, "<b>.png", "not a picture")
def name_that_is_html(g: Ground) -> list[str]:
    g.classes()
    g.write("d/cat/<b>.png", "hello")
    return train()


@case(2, "0.png", "and 16 more", "--bad-images skip")
def all_pictures_unreadable(g: Ground) -> list[str]:
    g.classes()
    for path in Path("d").rglob("*.png"):
        path.write_bytes(b"")
    return train()


@case(2, "d", "no picture can be read")
def all_pictures_unreadable_and_skipped(g: Ground) -> list[str]:
    all_pictures_unreadable(g)
    return train("d", "--bad-images", "skip")


@case(2, "", "only one class", "cat", "at least one other class")
def all_pictures_of_a_class_unreadable_and_skipped(g: Ground) -> list[str]:
    g.classes()
    for path in Path("d/dog").iterdir():
        path.write_bytes(b"")
    return train("d", "--bad-images", "skip")


# --- what is named as DATA


@case(2, "ctas", "did you mean 'cats'?")
def missing_data(g: Ground) -> list[str]:
    g.classes("cats")
    return train("ctas")


@case(2, "cifar11", "did you mean 'cifar10'?")
def misspelt_standard_set(g: Ground) -> list[str]:
    return train("cifar11")


@case(2, "cifar100", "--download")
def standard_set_that_is_not_here(g: Ground) -> list[str]:
    return train("cifar100")


@case(2, "runs/digits-9", "no such file or folder", "--download")
def start_that_is_not_here(g: Ground) -> list[str]:
    return train(g.classes(), "--from", "runs/digits-9")


@case(2, "timm/vit_tiny_patch16_224.augreg_in21k", "--download", "import-weights FOLDER --out MODEL")
def weights_of_the_hub_that_are_not_here(g: Ground) -> list[str]:
    return ["import-weights", "timm/vit_tiny_patch16_224.augreg_in21k", "--out", "m.safetensors"]


@case(2, "pipe", "neither a folder nor a file")
def data_is_a_fifo(g: Ground) -> list[str]:
    os.mkfifo("pipe")
    return train("pipe")


@case(2, "plug", "neither a folder nor a file")
def data_is_a_socket(g: Ground) -> list[str]:
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind("plug")
    return train("plug")


@case(2, "/dev/zero", "neither a folder nor a file")
def data_is_a_device(g: Ground) -> list[str]:
    return train("/dev/zero")


@case(2, "loop", "Too many levels|symbolic links")
def data_is_a_link_to_itself(g: Ground) -> list[str]:
    os.symlink("loop", "loop")
    return train("loop")


@case(2, "x.png", "one picture, not a data set")
def data_is_one_picture(g: Ground) -> list[str]:
    g.write("x.png", picture(0))
    return train("x.png")


@case(2, "x.pdf", "not a data set")
def data_is_a_document(g: Ground) -> list[str]:
    g.write("x.pdf", b"%PDF-1.7 ...")
    return train("x.pdf")


@case(2, "d.zip", "empty file, zero bytes")
def data_is_an_empty_file(g: Ground) -> list[str]:
    g.write("d.zip", b"")
    return train("d.zip")


@case(2, "", "no data named")
def data_without_a_name(g: Ground) -> list[str]:
    return train("")


@case(2, "d", "no pictures found", "it is empty")
def empty_folder(g: Ground) -> list[str]:
    Path("d").mkdir()
    return train()


@case(2, "d", "no pictures found", "notes.pdf")
def folder_without_pictures(g: Ground) -> list[str]:
    g.write("d/notes.pdf", "hello")
    return train()


@case(2, "d", "5 characters are too few", "read as text", "notes.txt", "no pictures")
def folder_with_a_note_instead_of_pictures(g: Ground) -> list[str]:
    g.write("d/notes.txt", "hello")
    return train()


@case(2, "gpt2", "model of text", "--model")
def a_model_of_text_for_pictures(g: Ground) -> list[str]:
    return ["train", "digits", "--model", "gpt2", "--steps", "1"]


@case(2, "d.txt", "not UTF-8", "byte 400", "--bytes")
def text_of_another_encoding(g: Ground) -> list[str]:
    g.write("d.txt", b"a" * 400 + "\xe9".encode("latin-1"))
    return ["train", "d.txt"]


@case(2, "d.csv", "no column", "source", "target")
def pairs_without_a_column(g: Ground) -> list[str]:
    g.write("d.csv", "text,label\na,b\n")
    return ["train", "d.csv", "--task", "seq2seq"]


@case(2, "d.csv, line 3", "no target")
def pair_without_a_target(g: Ground) -> list[str]:
    g.write("d.csv", "source,target\na,b\nc,\n")
    return ["train", "d.csv"]


@case(2, "d", "8 pictures but no class folders", "<class>/<picture>")
def pictures_without_classes(g: Ground) -> list[str]:
    for i in range(8):
        g.write(f"d/{i}.png", picture(i))
    return train()


@case(2, "d", "only one class", "cat")
def one_class(g: Ground) -> list[str]:
    return train(g.classes(labels=("cat",)))


@case(2, "d", "no class has two pictures", "add pictures of each class")
def one_picture_a_class(g: Ground) -> list[str]:
    return train(g.classes(n=1))


@case(2, "d", "class 'bird' occurs only in test")
def class_only_in_test(g: Ground) -> list[str]:
    g.classes("d/train")
    g.classes("d/test", n=3, seed=5000, labels=(*LABELS, "bird"))
    return train()


@case(2, "d", "only test, nothing to train on")
def train_split_missing(g: Ground) -> list[str]:
    return train(str(Path(g.classes("d/test")).parent))


@case(2, "train/cat/0.png", "the same picture is in test", "--leaks drop")
def leak_between_train_and_test(g: Ground) -> list[str]:
    g.classes("d/train")
    g.classes("d/test", n=3, seed=5000)
    g.write("d/test/cat/copy.png", Path("d/train/cat/0.png").read_bytes())
    return train()


@case(2, "d", "boxes for object detection")
def set_of_another_task(g: Ground) -> list[str]:
    g.write("d/images/train/0.png", picture(0))
    g.write("d/labels/train/0.txt", "0 0.5 0.5 0.1 0.1")
    return train()


@case(2, "d", "task regress", "manifest.csv")
def class_folders_for_regression(g: Ground) -> list[str]:
    return train(g.classes(), "--task", "regress")


# --- archives


@case(2, "d.zip", "encrypted|password")
def encrypted_zip(g: Ground) -> list[str]:
    content = bytearray(Path(g.zip()).read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + flags] |= 1
            at = content.find(signature, at + 4)
    Path("d.zip").write_bytes(content)
    return train("d.zip")


@case(2, "d.zip", "damaged or cut short", "again")
def truncated_zip(g: Ground) -> list[str]:
    return train(g.cut(g.zip()))


@case(2, "d.tar", "damaged or cut short", "again")
def truncated_tar(g: Ground) -> list[str]:
    return train(g.cut(g.tar()))


@case(2, "d.tar.gz", "damaged or cut short", "again")
def truncated_tar_gz(g: Ground) -> list[str]:
    return train(g.cut(g.tar("d.tar.gz", "w:gz")))


@case(2, "d.tar.gz", "damaged|not")
def gz_that_holds_no_tar(g: Ground) -> list[str]:
    g.write("d.tar.gz", gzip.compress(b"hello" * 1000))
    return train("d.tar.gz")


@case(2, "cat/0.png", "damaged inside the archive", "--bad-images skip")
def flipped_bit_in_a_zip_member(g: Ground) -> list[str]:
    content = bytearray(Path(g.zip()).read_bytes())
    content[content.find(b"PK\x03\x04") + 60] ^= 4
    Path("d.zip").write_bytes(content)
    return train("d.zip")


@case(2, "cat/big.png", "larger than 1 GiB")
def zip_member_that_claims_to_be_huge(g: Ground) -> list[str]:
    content = bytearray(Path(g.zip(extra={"cat/big.png": b"x"})).read_bytes())
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = (0x7FFFFFFF).to_bytes(4, "little")
    Path("d.zip").write_bytes(content)
    return train("d.zip")


@case(2, "d.zip", "no pictures found")
def zip_of_names_that_lead_out(g: Ground) -> list[str]:
    with zipfile.ZipFile("d.zip", "w") as archive:
        archive.writestr("../../cat/0.png", picture(0))
        archive.writestr("../dog/0.png", picture(1))
    return train("d.zip")


# --- manifests and arrays


@case(2, "d/manifest.csv, line 3", "nan", "finite|number")
def target_that_is_not_a_number(g: Ground) -> list[str]:
    return train(g.manifest("path,target\n0.png,1\n1.png,nan\n"))


@case(2, "d/manifest.csv, line 2", "inf")
def infinite_target(g: Ground) -> list[str]:
    return train(g.manifest("path,target\n0.png,-inf\n1.png,2\n"))


@case(2, "d/manifest.csv, line 3", "no|empty|blank")
def blank_target(g: Ground) -> list[str]:
    return train(g.manifest("path,target\n0.png,1\n1.png,\n"))


@case(2, "d/manifest.csv, line 3", "no|empty|blank")
def blank_label(g: Ground) -> list[str]:
    return train(g.manifest("path,label\n0.png,cat\n1.png,\n2.png,dog\n"))


@case(2, "d/manifest.csv, line 2", "4 values for 2 columns")
def ragged_manifest(g: Ground) -> list[str]:
    return train(g.manifest("path,label\n0.png,cat,dog,x\n1.png,dog\n"))


@case(2, "d/manifest.csv", "two columns are called 'label'")
def duplicate_columns(g: Ground) -> list[str]:
    return train(g.manifest("path,label,label\n0.png,cat,dog\n1.png,dog,cat\n"))


@case(2, "d", "manifest.csv has no path column|no path column")
def wrong_delimiter(g: Ground) -> list[str]:
    return train(g.manifest("path|label\n0.png|cat\n1.png|dog\n"))


@case(2, "d/manifest.csv", "not UTF-8")
def manifest_in_another_encoding(g: Ground) -> list[str]:
    g.manifest("")
    g.write("d/manifest.csv", "path,label\n0.png,käse\n".encode("latin-1"))
    return train()


@case(2, "d", "none of the 2 files named in the manifest exists", "gone.png")
def manifest_of_missing_files(g: Ground) -> list[str]:
    return train(g.manifest("path,label\ngone.png,cat\naway.png,dog\n"))


@case(2, "d/manifest.csv, line 2", "unknown split 'trian'", "did you mean 'train'?")
def unknown_split(g: Ground) -> list[str]:
    return train(g.manifest("path,label,split\n0.png,cat,trian\n1.png,dog,test\n"))


@case(2, "d/manifest.jsonl, line 2", "not JSON")
def broken_json_line(g: Ground) -> list[str]:
    return train(g.manifest('{"path": "0.png", "label": "cat"}\n{"path": \n', "d/manifest.jsonl"))


@case(2, "d/all.csv", "no column 'dxx'", "did you mean --column label=dx?")
def column_that_is_not_there(g: Ground) -> list[str]:
    g.manifest("image_id,dx\n0,cat\n1,dog\n", "d/all.csv")
    return train("d/all.csv", "--column", "label=dxx")


@case(2, "--column", "'lable'", "did you mean label=dx?")
def column_without_a_meaning(g: Ground) -> list[str]:
    g.manifest("image_id,dx\n0,cat\n1,dog\n", "d/all.csv")
    return train("d/all.csv", "--column", "lable=dx")


@case(2, "--column dx", "MEANING=NAME", "label=diagnosis")
def column_that_means_nothing(g: Ground) -> list[str]:
    return train(g.classes(), "--column", "dx")


@case(2, "--column", "one meaning to two columns")
def two_columns_for_one_meaning(g: Ground) -> list[str]:
    return train(g.classes(), "--column", "label=dx", "--column", "label=age")


@case(2, "d", "--column is about a table")
def column_of_class_folders(g: Ground) -> list[str]:
    return train(g.classes(), "--column", "label=dx")


@case(2, "d.txt", "--column is about a table")
def column_of_a_text(g: Ground) -> list[str]:
    g.write("d.txt", "a text of some length\n" * 99)
    return ["train", "d.txt", "--steps", "1", "--column", "text=a"]


@case(2, "d/all.csv", "image_id, dx, sex", "--column label=dx")
def table_with_two_columns_for_an_answer(g: Ground) -> list[str]:
    g.manifest("image_id,dx,sex\n" + "".join(f"{i},{i % 2},f\n" for i in range(8)), "d/all.csv")
    return train("d/all.csv")


@case(2, "manifest.csv, line 2", "leads out of the archive")
def manifest_that_leads_out_of_its_archive(g: Ground) -> list[str]:
    return train(g.zip(extra={"manifest.csv": b"path,label\n../../etc/passwd,cat\n"}))


@case(2, "c/data_batch_1", "it asks for posix.system|os.system|nt.system", "never|harm")
def pickle_with_code_as_cifar_batch(g: Ground) -> list[str]:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, ("touch trapped",)

    g.write("c/batches.meta", pickle.dumps({b"label_names": [b"cat", b"dog"]}))
    for number in range(1, 6):
        g.write(f"c/data_batch_{number}", pickle.dumps({b"data": Trap(), b"labels": [0]}))
    g.write("c/test_batch", pickle.dumps({b"data": Trap(), b"labels": [0]}))
    return train("c")


@case(2, "d.npz", "Python objects", "never loaded")
def npz_of_objects(g: Ground) -> list[str]:
    np.savez("d.npz", images=np.array([{}, {}], dtype=object), labels=np.arange(2))
    return train("d.npz")


@case(2, "d.npz", "cannot be read as .npz|damaged")
def truncated_npz(g: Ground) -> list[str]:
    np.savez("d.npz", images=np.zeros((4, 8, 8), np.uint8), labels=np.arange(4))
    return train(g.cut("d.npz"))


@case(2, "d.npz", "not finite")
def nan_target_in_an_array(g: Ground) -> list[str]:
    np.savez("d.npz", images=np.zeros((4, 8, 8), np.uint8), labels=np.array([1.0, 2.0, np.nan, 3.0]))
    return train("d.npz")


@case(2, "test/00000", "5 channels where 3 are expected")
def splits_of_different_channels(g: Ground) -> list[str]:
    rng = np.random.default_rng(0)
    arrays = {"train": (40, 8, 8, 3), "test": (8, 8, 8, 5)}
    pictures = {f"{split}_images": rng.integers(0, 255, shape, np.uint8) for split, shape in arrays.items()}
    labels = {f"{split}_labels": np.arange(shape[0]) % 2 for split, shape in arrays.items()}
    np.savez("d.npz", **pictures, **labels)
    return train("d.npz")


@case(2, "train-images-idx3-ubyte", "cut short|bytes|damaged")
def truncated_idx(g: Ground) -> list[str]:
    g.write("d/train-images-idx3-ubyte", struct.pack(">IIII", 2051, 10, 8, 8) + bytes(100))
    g.write("d/train-labels-idx1-ubyte", struct.pack(">II", 2049, 10) + bytes(10))
    return train()


# --- settings


@case(2, "--minutes", "0", "above 0")
def no_minutes(g: Ground) -> list[str]:
    return ["train", g.classes(), "--minutes", "0"]


@case(2, "--minutes", "-1", "above 0")
def negative_minutes(g: Ground) -> list[str]:
    return ["train", g.classes(), "--minutes", "-1"]


@case(2, "--minutes", "nan", "above 0")
def minutes_that_are_not_a_number(g: Ground) -> list[str]:
    return ["train", g.classes(), "--minutes", "nan"]


@case(2, "--minutes", "inf", "above 0")
def endless_minutes(g: Ground) -> list[str]:
    return ["train", g.classes(), "--minutes", "inf"]


@case(2, "--steps", "0", "above 0")
def no_steps(g: Ground) -> list[str]:
    return ["train", g.classes(), "--steps", "0"]


@case(2, "--epochs", "one of minutes, epochs and steps", "give one of --minutes, --epochs, --steps")
def two_budgets(g: Ground) -> list[str]:
    return train(g.classes(), "--epochs", "3")


@case(2, "--epochs", "one of minutes, epochs and steps")
def two_budgets_in_a_setting_and_an_option(g: Ground) -> list[str]:
    return ["train", g.classes(), "--set", "budget.minutes=1", "--set", "budget.epochs=2"]


@case(2, "budget", "budget.hours", "minutes")
def unknown_budget(g: Ground) -> list[str]:
    return ["train", g.classes(), "--set", "budget.hours=1"]


@case(2, "budget.steps", "soon")
def budget_of_words(g: Ground) -> list[str]:
    return ["train", g.classes(), "--set", "budget.steps=soon"]


@case(2, "vit_mni_patch4_32", 'did you mean "vit_mini_patch4_32"?')
def unknown_preset(g: Ground) -> list[str]:
    return ["train", g.classes(), "--steps", "2", "--model", "vit_mni_patch4_32"]


@case(2, "qpu", "--device cpu")
def unknown_device(g: Ground) -> list[str]:
    return ["train", g.classes(), "--steps", "2", "--device", "qpu"]


@case(2, "cuda:99", "--device cpu")
def device_that_is_not_here(g: Ground) -> list[str]:
    return ["train", g.classes(), "--steps", "2", "--device", "cuda:99"]


@case(2, "meta", "--device cpu")
def device_that_holds_no_data(g: Ground) -> list[str]:
    return ["train", g.classes(), "--steps", "2", "--device", "meta"]


@case(2, "--workers", "-1")
def negative_workers(g: Ground) -> list[str]:
    return train(g.classes(), "--workers", "-1")


@case(2, "--seed", "-1")
def negative_seed(g: Ground) -> list[str]:
    return train(g.classes(), "--seed", "-1")


@case(2, "--seed", "99999999999999999999")
def enormous_seed(g: Ground) -> list[str]:
    return train(g.classes(), "--seed", "99999999999999999999")


@case(2, "--fraction", "1.5", "at most 1")
def more_than_all(g: Ground) -> list[str]:
    return train(g.classes(), "--fraction", "1.5")


@case(2, "--fraction", "0", "above 0")
def none_of_all(g: Ground) -> list[str]:
    return train(g.classes(), "--set", "fraction=0")


for _name, _text, _says in (
    ("unknown_setting", "optim.lrr=1", ('"optim.lrr"', 'did you mean "optim.lr"?')),
    ("unknown_section", "optimm.lr=1", ('"optimm"', 'did you mean "optim"?')),
    ("section_as_a_value", "optim=3", ('"optim" is a section', "optim.name")),
    ("value_as_a_section", "seed.x=3", ("seed",)),
    ("setting_of_another_type", "optim.lr=fast", ("optim.lr", "'fast'", "not a number")),
    ("flag_as_a_number", "loop.batch_size=true", ("loop.batch_size", "whole number")),
    ("negative_rate", "optim.lr=-1", ("optim.lr", "-1", "above 0|0 or more")),
    ("rate_that_is_not_a_number", "optim.lr=nan", ("optim.lr", "nan")),
    ("unknown_optimiser", "optim.name=adamm", ("optim.name", "adamm", "adam")),
    ("betas_out_of_range", "optim.betas=[0.9, 1.5]", ("optim.betas", "1.5")),
    ("negative_decay", "optim.weight_decay=-1", ("optim.weight_decay", "-1")),
    ("batch_of_nothing", "loop.batch_size=0", ("loop.batch_size", "0")),
    ("warm_up_without_end", "loop.warmup=1.0", ("loop.warmup", "1")),
    ("unknown_schedule", "loop.schedule=stairs", ("loop.schedule", "stairs", "cosine")),
    ("unknown_precision", "loop.precision=fp8", ("loop.precision", "fp8", "bf16")),
    ("ema_out_of_range", "loop.ema_decay=2.0", ("loop.ema_decay", "2")),
    ("unknown_flip", "augment.flip=sideways", ("flip", "sideways", "alternate")),
    ("mixing_out_of_range", "mix.mixup=-1.0", ("mix", "-1")),
    ("smoothing_out_of_range", "target.smoothing=2.0", ("target.smoothing", "2")),
    ("unknown_class_weights", "target.class_weights=some", ("target.class_weights", "some", "auto")),
    ("unknown_loss", "target.loss=mseloss", ("target.loss", "mseloss", 'did you mean "mse"?')),
    ("loss_of_another_task", "target.loss=mse", ("target.loss", "mse", "classify", "use cross_entropy")),
    ("gamma_out_of_range", "target.gamma=-1.0", ("target.gamma", "-1")),
    ("unknown_sampling", "target.sampling=even", ("target.sampling", "even", "balanced")),
    ("size_of_nothing", "preprocess.img_size=0", ("img_size", "0")),
    ("size_of_words", "preprocess.img_size=big", ("img_size", "big")),
    ("size_of_three_numbers", "preprocess.img_size=[8, 8, 8]", ("img_size",)),
    ("unknown_fit", "preprocess.fit=stretch", ("fit", "stretch", "squash")),
    ("heads_that_do_not_divide", "model.options.embed_dim=65", ("embed_dim", "65")),
    ("unknown_model_option", "model.options.dept=3", ('"dept"', 'did you mean "depth"?')),
    ("model_option_of_another_type", "model.options.depth=deep", ("depth", "deep")),
    ("two_channels_for_three", "preprocess.in_chans=5", ("5",)),
):
    _make = setting(_text)
    _make.__name__ = _name
    case(2, _says[0], *_says[1:])(_make)


@case(2, "img_size 9", "multiple of patch_size 2", "8 or 10")
def size_that_patches_do_not_fill(g: Ground) -> list[str]:
    return ["train", g.classes(), "--model", "vit_nano_patch2_8", "--steps", "2", "--set", "preprocess.img_size=9"]


@case(2, "run.toml", "cannot be read", "No such file")
def missing_config(g: Ground) -> list[str]:
    return train(g.classes(), "--config", "run.toml")


@case(2, "c.toml", "not valid TOML", "line 1")
def config_that_is_not_toml(g: Ground) -> list[str]:
    g.write("c.toml", "optim = {\n")
    return train(g.classes(), "--config", "c.toml")


@case(2, "c.toml", "cannot be read")
def config_that_is_binary(g: Ground) -> list[str]:
    g.write("c.toml", b"\xff\xfe\0\0")
    return train(g.classes(), "--config", "c.toml")


@case(2, "d", "cannot be read")
def config_that_is_a_folder(g: Ground) -> list[str]:
    return train(g.classes(), "--config", "d")


@case(2, "optim.learning_rate", "settings|c.toml", "name, lr|lr")
def config_with_an_unknown_key(g: Ground) -> list[str]:
    g.write("c.toml", "[optim]\nlearning_rate = 1\n")
    return train(g.classes(), "--config", "c.toml")


@case(2, "loop.batch_size", "'many'", "whole number")
def config_with_a_wrong_type(g: Ground) -> list[str]:
    g.write("c.toml", '[loop]\nbatch_size = "many"\n')
    return train(g.classes(), "--config", "c.toml")


# --- the run folder


@case(2, "out", "is a file, not a folder", "another --out")
def out_is_a_file(g: Ground) -> list[str]:
    g.write("out", "mine")
    return train(g.classes())


@case(2, "out", "already holds a run", "smalti train --resume out")
def out_holds_a_run(g: Ground) -> list[str]:
    g.run("out", finished=True)
    return train(g.classes())


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


# --- models


@case(2, "nowhere.safetensors", "does not exist")
def missing_model(g: Ground) -> list[str]:
    return ["predict", "nowhere.safetensors", "x.png"]


@case(2, "d", "without a model.safetensors")
def model_is_a_folder_without_one(g: Ground) -> list[str]:
    return ["predict", g.classes(), "d"]


@case(2, "r", "holds no finished model", "smalti train --resume r")
def model_is_an_unfinished_run(g: Ground) -> list[str]:
    return ["evaluate", g.run(), g.classes()]


@case(2, "pipe", "not a regular file")
def model_is_a_fifo(g: Ground) -> list[str]:
    os.mkfifo("pipe")
    return ["predict", "pipe", "x.png"]


@case(2, "loop", "does not exist|cannot be read")
def model_is_a_link_to_itself(g: Ground) -> list[str]:
    os.symlink("loop", "loop")
    return ["predict", "loop", "x.png"]


@case(2, "m.safetensors", "cannot be read", "Permission denied")
def unreadable_model(g: Ground) -> list[str]:
    g.model()

    def refuse(path: Any, *args: Any, **kwargs: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    g.patch.setattr("smalti.modelfile.open", refuse, raising=False)
    return ["predict", "m.safetensors", "x.png"]


@case(2, "m.pt", "PyTorch pickle", "can run any code", "model.safetensors")
def pickle_as_a_model(g: Ground) -> list[str]:
    torch.save({"w": torch.zeros(2)}, "m.pt")
    return ["predict", "m.pt", "x.png"]


@case(2, "m.pth", "PyTorch pickle")
def old_pickle_as_a_model(g: Ground) -> list[str]:
    torch.save({"w": torch.zeros(2)}, "m.pth", _use_new_zipfile_serialization=False)
    return ["predict", "m.pth", "x.png"]


@case(2, "m.pkl", "another kind of file", "model.safetensors")
def pickle_of_the_first_protocol_as_a_model(g: Ground) -> list[str]:
    g.write("m.pkl", pickle.dumps({"w": [1.0]}, protocol=0))
    return ["predict", "m.pkl", "x.png"]


@case(2, "x.png", "another kind of file", "model.safetensors")
def picture_as_a_model(g: Ground) -> list[str]:
    g.write("x.png", picture(0))
    return ["predict", "x.png", "x.png"]


@case(2, "w.safetensors", "not a smalti model file")
def weights_of_another_program(g: Ground) -> list[str]:
    from safetensors.torch import save_file

    save_file({"w": torch.zeros(2)}, "w.safetensors")
    return ["predict", "w.safetensors", "x.png"]


@case(3, "m.safetensors", "not a readable model file", "again")
def empty_model(g: Ground) -> list[str]:
    g.write("m.safetensors", b"")
    return ["predict", "m.safetensors", "x.png"]


for _share in (0.0002, 0.01, 0.2, 0.99):

    def _cut(g: Ground, share: float = _share) -> list[str]:
        return ["predict", g.cut(g.model(), share), "x.png"]

    _cut.__name__ = f"model_cut_at_{_share}"
    case(3, "m.safetensors", "not a readable model file", "again")(_cut)


@case(3, "m.safetensors", "not a readable model file")
def model_with_a_flipped_bit_in_its_length(g: Ground) -> list[str]:
    return ["predict", g.damage(g.model(), 0.0), "x.png"]


@case(3, "m.safetensors", "checksum")
def model_with_a_flipped_bit_in_its_labels(g: Ground) -> list[str]:
    content = Path(g.model()).read_bytes()
    assert content.count(b'\\"cat\\"') == 1
    Path("m.safetensors").write_bytes(content.replace(b'\\"cat\\"', b'\\"caw\\"'))
    return ["predict", "m.safetensors", "x.png"]


@case(3, "m.safetensors", "checksum")
def model_with_a_flipped_bit_in_its_preprocessing(g: Ground) -> list[str]:
    content = Path(g.model()).read_bytes()
    assert b"[0.25, 0.25, 0.25]" in content
    Path("m.safetensors").write_bytes(content.replace(b"[0.25, 0.25, 0.25]", b"[0.25, 0.25, 0.21]"))
    return ["predict", "m.safetensors", "x.png"]


@case(3, "m.safetensors", "checksum")
def model_with_a_flipped_bit_in_its_weights(g: Ground) -> list[str]:
    return ["predict", g.damage(g.model(), 0.9), "x.png"]


@case(3, "m.safetensors", f"format {FORMAT + 1}", f"up to {FORMAT}", "use a newer smalti")
def model_of_a_newer_format(g: Ground) -> list[str]:
    return ["predict", g.edited_model(lambda about: about.update(version=FORMAT + 1)), "x.png"]


@case(3, "m.safetensors", "metadata cannot be read")
def model_whose_version_is_no_number(g: Ground) -> list[str]:
    return ["predict", g.edited_model(lambda about: about.update(version="new")), "x.png"]


@case(3, "m.safetensors", "lacks labels, preprocess")
def model_without_labels(g: Ground) -> list[str]:
    return ["predict", g.edited_model(lambda about: [about.pop(key) for key in ("labels", "preprocess")]), "x.png"]


@case(2, "d", "'bird'|bird", "cat, dog")
def evaluate_on_unknown_labels(g: Ground) -> list[str]:
    return ["evaluate", g.model(), g.classes(labels=(*LABELS, "bird"))]


@case(2, "d", "labels are unknown to the model", "cat, dog")
def evaluate_on_another_task(g: Ground) -> list[str]:
    return ["evaluate", g.model(), g.manifest("path,target\n" + "".join(f"{i}.png,{i}.5\n" for i in range(8)))]


@case(2, "d", "cat/0.png|unreadable|read")
def evaluate_on_nothing_readable(g: Ground) -> list[str]:
    all_pictures_unreadable(g)
    return ["evaluate", g.model(), "d"]


@case(2, "--split", "most")
def evaluate_on_an_unknown_split(g: Ground) -> list[str]:
    return ["evaluate", g.model(), g.classes(), "--split", "most"]


@case(74, "nowhere/report.html", "No such file or directory", leaves=False)
def report_into_a_missing_folder(g: Ground) -> list[str]:
    return ["evaluate", g.model(), g.classes(n=20), "--report", "nowhere/report.html"]


@case(74, "d", "directory")
def report_over_a_folder(g: Ground) -> list[str]:
    return ["evaluate", g.model(), g.classes(n=20), "--report", "d"]


@case(2, "--top", "0")
def predict_of_no_labels(g: Ground) -> list[str]:
    return ["predict", g.model(), g.classes(), "--top", "0"]


@case(2, "--batch-size", "0")
def predict_in_batches_of_nothing(g: Ground) -> list[str]:
    return ["predict", g.model(), g.classes(), "--batch-size", "0"]


@case(2, "e", "no pictures found")
def predict_on_an_empty_folder(g: Ground) -> list[str]:
    Path("e").mkdir()
    return ["predict", g.model(), "e"]
