"""Opening a data set: from what a person names to a Source, the format found without a flag.

Nothing here decodes a picture. The layouts themselves are in `formats/`, one file each.
"""

import difflib
import os
import re
import stat
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from smalti.data.decoding.suffixes import PICTURE_SUFFIXES
from smalti.data.formats import archives, builtin, cifar, folders, idx, manifest, npz, standard, walk, webdataset
from smalti.data.formats.columns import Columns, demand_no_columns
from smalti.data.formats.places import stem_of
from smalti.data.formats.table import MANIFEST_SUFFIXES, PATH_COLUMNS, first_columns
from smalti.data.formats.tree import Tree, suffix_of
from smalti.data.names import Names
from smalti.data.source import Source, Task
from smalti.data.text.kinds import is_text_name
from smalti.errors import InputError, few, printable

__all__ = ["open"]

_NESTED = (".npz", ".zip", ".tar", ".tgz", ".gz", ".xz", ".bz2", ".csv", ".jsonl")  # data sets of their own
_CONTAINER = re.compile(r".*\.(parquet|arrow|feather|h5|hdf5|mat|lmdb|mdb|tfrecords?(-\d+-of-\d+)?)", re.IGNORECASE)
_SAVE = "save the pictures in {} as <class>/<picture>, or with a manifest.csv of the columns path and label"
_READ = "give a folder, a .zip or .tar of class folders, a manifest .csv or .jsonl, IDX, CIFAR batches, or an .npz"


def open(  # noqa: A001 - data.open
    data: str | os.PathLike[str],
    *,
    download: bool = False,
    task: Task | None = None,
    columns: Columns | None = None,
) -> Source:
    """Opens a data set as an index of samples.

    Args:
        data: a folder, an archive, a file, "digits", or the name of a standard set ("mnist", "cifar10", ...). What lies
            on disk under that name goes before the name.
        download: whether a standard set may be fetched; without it nothing touches the network.
        task: what to take the targets for, where the data could mean more than one thing.
        columns: what the columns of a table mean that have other names: {"label": "dx", "group": "lesion_id"}. Of path,
            label, labels, target, targets, target_NAME, split and group; names in any case.

    Returns:
        Source: names, targets and splits of all samples; pictures are read later, one by one.

    Raises:
        InputError: it is missing, no data set, damaged, or lays its pictures out in a way that is not read; or
            there is no such column.
    """
    name = os.fspath(data)
    path = Path(os.path.expanduser(name))  # which leaves a user that nobody knows as it is
    if not name or "\0" in name:
        raise InputError("no data named", mend=_READ)
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return _by_name(name, path, download, task, columns)
    except OSError as error:
        raise InputError(
            "cannot be read", where=name, why=error.strerror or str(error), mend="give yourself the right to read it"
        ) from error
    if stat.S_ISDIR(mode):
        return _tree(walk.walk(path, name), task, columns)
    if stat.S_ISREG(mode):
        return _file(path, name, task, columns)
    raise InputError("neither a folder nor a file", where=name, mend=_READ)


def _by_name(name: str, path: Path, download: bool, task: Task | None, columns: Columns | None) -> Source:
    if name == "digits":
        demand_no_columns(columns, name)
        return builtin.digits(task)
    if (key := standard.standard_name(name)) is not None:
        demand_no_columns(columns, name)
        return _standard(key, download, task)
    names = [*standard.STANDARD, "digits"]
    with suppress(OSError):  # there is none, or it must not be listed
        names += [os.path.join(os.path.dirname(name), other) for other in sorted(os.listdir(path.parent))]
    if not set(name).isdisjoint("*?{"):
        mend = "name the folder of the files: no pattern is read"
        raise InputError("no such file, folder or data set", where=name, mend=mend)
    near = difflib.get_close_matches(name, names, 1, cutoff=0.6)
    mend = (
        f"did you mean {printable(near[0])!r}?"
        if near
        else "check the path, or name a standard set such as mnist or cifar10"
    )
    raise InputError("no such file, folder or data set", where=name, mend=mend)


def _standard(key: str, download: bool, task: Task | None) -> Source:
    """A standard set as torchvision keeps it, or as a folder or archive of its name beside, or downloaded."""
    try:
        return standard.read_standard(key, task=task)
    except InputError:
        beside = (standard.data_folder() / f"{key}{suffix}" for suffix in ("", ".zip", ".tar.gz", ".tar", ".npz"))
        if (own := next((path for path in beside if path.exists()), None)) is not None:
            return open(own, task=task)
        if download:
            return standard.read_standard(key, download=True, task=task)
        raise


def _tree(tree: Tree, task: Task | None, columns: Columns | None) -> Source:
    """A folder or archive: IDX, CIFAR batches, a manifest, WebDataset, else class folders. A manifest, where columns
    are named."""
    if columns:
        return _tables(tree, task, columns)
    if idx.idx_folder(tree):
        return idx.read_idx(tree, task)
    if (folder := cifar.cifar_folder(tree)) is not None:
        return cifar.read_cifar(tree, folder, task)
    found = manifest.find(tree)
    tree = replace(tree, notes=(*tree.notes, *found.notes))
    if found.tables:
        return manifest.read_tree(tree, found, task)
    if task in ("multilabel", "regress"):
        raise InputError(
            f"class folders give one class a picture, nothing for the task {task}",
            where=tree.name,
            why="; ".join(found.remarks),
            mend="name the pictures in a manifest.csv with a labels or target column",
        )
    if shards := webdataset.shards(tree):
        return webdataset.read_shards(tree.name, shards)
    try:
        return folders.class_folders(tree, found.remarks)
    except InputError as error:
        if error.what == "no pictures found" and (mend := _instead(tree)):
            raise InputError(error.what, where=error.where, why=error.why, mend=mend) from error
        raise


def _tables(tree: Tree, task: Task | None, columns: Columns) -> Source:
    """The manifests of a folder or archive, of which a person says what their columns mean."""
    found = manifest.find(tree, columns)
    if not found.tables:
        demand_no_columns(columns, tree.name, "; ".join(found.remarks))
    return manifest.read_tree(replace(tree, notes=(*tree.notes, *found.notes)), found, task)


def _instead(tree: Tree) -> str:
    """What to do with a folder or archive without pictures; empty where nothing in it is data of another kind."""
    first = "unpack it, then " if isinstance(tree.storage, archives.Archive) else ""
    if nested := [path for path in tree.paths if suffix_of(path) in _NESTED and not _other_table(tree, path)]:
        return f"{first}name one of its files as DATA: {few(nested)}"
    if containers := [path for path in tree.paths if _CONTAINER.fullmatch(path)]:
        return _SAVE.format(f"{few(containers)}, a format that is not read,")
    if texts := [path for path in tree.paths if is_text_name(path) and stem_of(path).lower() != "readme"]:
        hint = f"give --task next-token if its text alone is to be learned: {few(texts)}"
        return f"{first}{hint}; for --task classify take what is no text out of the class folders"
    return ""


def _other_table(tree: Tree, path: str) -> bool:
    """Whether a file is a table, but neither of pictures nor of texts (a sampleSubmission.csv)."""
    if suffix_of(path) not in MANIFEST_SUFFIXES:
        return False
    try:
        return {*PATH_COLUMNS, "text", "source"}.isdisjoint(first_columns(tree.content(path), path))
    except InputError:
        return True


def _file(path: Path, name: str, task: Task | None, columns: Columns | None) -> Source:
    """One file: judged by its content, by its suffix only where the content has no signature."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise InputError(
            "cannot be read", where=name, why=error.strerror or str(error), mend="give yourself the right to read it"
        ) from error
    suffix = suffix_of(path.as_posix())
    if not start:
        raise InputError("empty file, zero bytes", where=name, mend="copy it again")
    packed = _looks_packed(path.name.lower())
    if suffix not in MANIFEST_SUFFIXES and not packed:
        demand_no_columns(columns, name)
    if npz.is_npz(path) or suffix == ".npz":
        return npz.read_npz(path, name, task)
    if idx.is_idx_name(path.name) or start.startswith(b"\0\0\x08\x03"):
        return _idx(path, name, task)
    if archives.is_archive(path) or packed:
        return _tree(archives.list_archive(path, name), task, columns)
    if suffix in MANIFEST_SUFFIXES:
        return manifest.read_file(path, name, task, columns)
    if suffix in PICTURE_SUFFIXES:
        raise InputError(
            "one picture, not a data set",
            where=name,
            mend="give the folder around the class folders; `smalti predict` takes pictures",
        )
    raise InputError(
        "not a data set that is read",
        where=name,
        why=f"a {suffix or 'nameless'} file",
        mend=_SAVE.format("it") if _CONTAINER.fullmatch(name) else f"{_READ}; for text, --task next-token",
    )


def _looks_packed(name: str) -> bool:
    return name.endswith((".zip", ".tar", ".tgz", ".tar.gz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2"))


def _idx(path: Path, name: str, task: Task | None) -> Source:
    """One file of an IDX pair; its partner lies beside it."""
    beside = Names(sorted(o.name for o in path.parent.iterdir() if idx.is_idx_name(o.name) and o.is_file()))
    if path.name not in beside:
        raise InputError(
            "an IDX file without a partner",
            where=name,
            why="its name does not say which labels belong to it",
            mend="name the pair train-images-idx3-ubyte and train-labels-idx1-ubyte",
        )
    return idx.read_idx(
        Tree(os.path.dirname(name) or ".", beside, [], walk.Files(str(path.parent), beside)), task, only=path.name
    )
