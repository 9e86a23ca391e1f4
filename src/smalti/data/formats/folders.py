"""Class folders: `<class>/**/picture`, or the same under `train/`, `val/` and `test/`, in a folder or an archive."""

import re
import shlex
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Set
from functools import partial
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from smalti.data.formats import manifest
from smalti.data.formats.labels import SPLIT_WORDS, class_targets, composed, in_order, split_of
from smalti.data.formats.table import MANIFEST_SUFFIXES
from smalti.data.formats.tree import Tree, is_picture, is_unread_picture, suffix_of
from smalti.data.formats.walk import Files
from smalti.data.heic import HEIF_SUFFIXES
from smalti.data.names import Names
from smalti.data.source import UNASSIGNED, Problem, Source
from smalti.errors import InputError, counted, few, install_line, printable

__all__ = ["class_folders"]

_LAYOUTS = (
    "arrange them as <class>/<picture>, or as train/<class>/<picture> and test/<class>/<picture>, "
    "or name them in a manifest.csv with the columns path and label"
)
_SPLITS_AT_MOST = 5  # train, val, test and a little more, or the folds of a cross-validation
_IMAGES = {"images", "image", "imgs", "img", "jpegimages", "leftimg8bit"}
_MASKS = {"masks", "mask", "semantic_masks", "segmentationclass", "labels", "annotations", "gt", "gtfine"}
_PART = re.compile(
    r"((?:.*[\W_])?(?:part|images?|imgs?|batch|chunk|folder|disk|archive|data))[\W_]*\d+", re.IGNORECASE
)  # of what was too much for one folder: "images_001", "HAM10000_images_part_2"


def class_folders(tree: Tree, remarks: tuple[str, ...] = ()) -> Source:
    """Reads the layout from paths alone.

    The class is the first folder, or the first one below a split; deeper folders belong to it. One folder around
    everything is looked through, and so is one that holds nothing but a folder of its own name.
    `<class>/<split>/<picture>` is read as well. What lies beside the splits overturns neither.
    Pictures that are left out, and folders that look like splits under other names, are among the source's problems.

    Args:
        tree: the files.
        remarks: what is to be said where no classes are found (a manifest that lacks a column).

    Raises:
        InputError: there are no pictures, no class folders, or the layout is that of another task.
    """
    pictures, folder_of, paths = _by_folder(tree)
    doubled = _doubled(tree)
    folders = [_parts(path, doubled) for path in paths]
    others = tree.paths.take(np.delete(np.arange(len(tree.paths)), pictures))
    _refuse_other_tasks(tree.name, folders, tree.paths.take(pictures), folder_of, others)
    unread = [*_unread(others)]
    if not len(pictures):
        raise _no_pictures(tree, unread, remarks)
    base = _base(folders)
    meant = _stemmed_splits(folders, len(base))
    plain = partial(_parts, doubled=doubled, depth=len(base), meant=meant)
    folders = [plain(path) for path in paths]
    base, split_at, class_at = _layout(folders, base)
    places = _places(folders, base, split_at, class_at)
    within = np.asarray([place is not None for place in places])[folder_of]
    kept, outside, folder_of = pictures[within], pictures[~within], folder_of[within]
    classes = {number: printable(place[0], 300) for number, place in enumerate(places) if place}
    if not len(kept) or (remarks and len({*classes.values()}) == 1):  # a lone folder beside a manifest is no class
        if remarks:
            mend = (
                "give the manifest a column path with the file of each picture, and a column label (or labels, or "
                "target) with its answer"
            )
            raise InputError("no classes found", where=tree.name, why="; ".join(remarks), mend=mend)
        why = f"the pictures lie together, as {few([tree.paths[pictures[0]]])}"
        raise InputError(
            f"{counted(len(pictures), 'picture')} but no class folders",
            where=tree.name,
            why=why,
            mend=_from_table(tree, others) or _LAYOUTS,
        )
    notes = [*tree.notes]
    if doubled:
        named = few(f"{folder}/" for folder in sorted(doubled))
        notes.append(f"looked through {named}, each of which holds nothing but a folder of its own name")
    if meant:
        notes.append(f"read {few(f'{top}/ as {word}' for top, word in sorted(meant.items()))}")
    if base:
        notes.append(f"read below {printable('/'.join(base))}/")
    if no_pictures := [path for path in others if not is_unread_picture(path)]:
        notes.append(f"{counted(len(no_pictures), 'file')} left out, not pictures: {few(no_pictures)}")
    split_array = np.asarray([place[1] if place else UNASSIGNED for place in places], np.int8)[folder_of]
    labels, targets = class_targets(map(classes.__getitem__, folder_of.tolist()), split_array, tree.name)
    problems = [*unread, *_outside(tree.paths.take(outside), plain, base, split_at, class_at)]
    if split_at is None:
        problems += [*_unread_splits(folders), *_unnamed_splits(folders, len(base))]
    if split_at != len(base) and not any(problem.fatal for problem in problems):  # below "train" they are as meant
        problems += _two_levels([f for f, place in zip(folders, places, strict=True) if place], split_at, class_at)
    in_parts = _are_parts(labels)
    if (len(labels) == 1 or in_parts) and (mend := _from_table(tree, others)):
        found = f"the folders {few(labels)} are parts of one set, no classes" if in_parts else "there is only one class"
        cause = f"{found}, and a table beside {'them' if in_parts else 'it'} that is not read"
        problems.append(Problem("one_class", "", cause, mend, fatal=True))
    holding = {"/".join(f[: max(class_at, split_at or 0) + 1]) for f in folders}
    return Source(
        name=tree.name,
        task="classify",
        labels=labels,
        names=tree.paths.take(kept),
        targets=targets,
        splits=split_array,
        storage=tree.storage.select(kept),
        notes=(*notes, *remarks),
        empty_classes=tuple(
            folder
            for folder, parts in _class_folders(tree, plain, base, split_at, class_at)
            if "/".join(parts) not in holding
        ),
        problems=tuple(problems),
    )


def _by_folder(tree: Tree) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
    """Positions of the pictures; the number of the folder each lies in; the paths of those folders. The folder says
    what a picture is, so folders are judged, once each.
    """
    numbers: dict[str, int] = {}
    pictures, folder_of = array("q"), array("q")
    for i, path in enumerate(tree.paths):
        if is_picture(path):
            pictures.append(i)
            folder_of.append(numbers.setdefault(path.rpartition("/")[0], len(numbers)))
    return np.frombuffer(pictures, np.int64), np.frombuffer(folder_of, np.int64), [*numbers]


def _doubled(tree: Tree) -> set[str]:
    """The folders in which lies nothing but one folder of their own name, as some programs unpack."""
    within = Counter(folder.rpartition("/")[0] for folder in tree.folders)
    around = (folder.rpartition("/")[::2] for folder in tree.folders)
    doubled = {outer for outer, name in around if outer.rpartition("/")[2] == name and within[outer] == 1}
    return doubled and doubled - {path.rpartition("/")[0] for path in tree.paths}


def _parts(folder: str, doubled: Set[str], depth: int = 0, meant: dict[str, str] | None = None) -> list[str]:
    """The parts of a folder's path, as they are meant.

    Args:
        folder: its path.
        doubled: the folders that are passed over.
        depth: of the folders around everything.
        meant: what top folders stand for, by their names.
    """
    given = folder.split("/") if folder else []
    parts = [part for k, part in enumerate(given, 1) if not doubled or "/".join(given[:k]) not in doubled]
    if meant and len(parts) > depth:
        parts[depth] = meant.get(parts[depth], parts[depth])
    return parts


def _stemmed_splits(folders: list[list[str]], depth: int) -> dict[str, str]:
    """Top folders that differ in nothing but a split word ("seg_train", "seg_test"), and those words; none where a
    folder is called as a split is."""
    tops = {parts[depth] for parts in folders if len(parts) > depth}
    meant, stems = {}, set()
    for top in tops:
        words = re.split(r"[-_ ]+", top.lower())
        said = [word for word in words if word in SPLIT_WORDS]
        if split_of(top) is not None:
            return {}
        if len(said) == 1:
            meant[top] = said[0]
            stems.add(tuple(word for word in words if word not in SPLIT_WORDS))
    splits = {SPLIT_WORDS[word] for word in meant.values()}
    # As with plain names, they may be classes (a toy train, a toy car) where no class folders lie in them.
    deep = any(len(parts) > depth + 1 and parts[depth] in meant for parts in folders)
    return meant if len(stems) == 1 and 0 in splits and len(splits) > 1 and (deep or len(meant) == len(tops)) else {}


def _base(folders: list[list[str]]) -> list[str]:
    """The folders around everything: each the only one that holds pictures, none of them right inside it."""
    base: list[str] = []
    while True:
        depth = len(base)
        tops = {parts[depth] for parts in folders if len(parts) > depth}
        if len(tops) != 1 or split_of(*tops) is not None or any(len(parts) == depth + 1 for parts in folders):
            return base
        base.append(*tops)


def _layout(folders: list[list[str]], base: list[str]) -> tuple[list[str], int | None, int]:
    """The folders around the classes, which part of the path names the split (None: no part does), and which the class.

    Where most folders lie in splits, these decide: a logo in a folder beside them, or a picture right in a class,
    must not mix what was given as the test with the rest.

    Args:
        folders: those that hold pictures, as parts.
        base: the folders around everything.
    """
    in_splits = [parts for parts in folders if any(split_of(part) is not None for part in parts)]
    around = _base(in_splits)
    split_at, class_at = _columns(in_splits, around)
    if split_at is not None and 2 * len(in_splits) > len(folders):
        splits = {split_of(parts[split_at]) for parts in in_splits}
        classes = {parts[class_at] for parts in in_splits if len(parts) > class_at}
        if 0 in splits and splits & {1, 2} and len(classes) > 1:
            return around, split_at, class_at
    return base, *_columns(folders, base)


def _columns(folders: list[list[str]], base: list[str]) -> tuple[int | None, int]:
    """Which part of the path names the split (None: no part does), and which the class."""
    depth = len(base)
    tops = {parts[depth] for parts in folders if len(parts) > depth}
    split_tops = {top for top in tops if split_of(top) is not None}
    deep = {parts[depth] for parts in folders if len(parts) > depth + 1 and parts[depth] in split_tops}
    # A class may be called "train" (car, plane, train): it is a split where class folders lie in it, or beside splits.
    if deep or (split_tops and split_tops == tops):
        return depth, depth + 1
    if tops and all(
        len(parts) > depth + 1 and split_of(parts[depth + 1]) is not None for parts in folders if len(parts) > depth
    ):
        return depth + 1, depth
    return None, depth


def _places(
    folders: list[list[str]], base: list[str], split_at: int | None, class_at: int
) -> list[tuple[str, int] | None]:
    """The class and the split of each folder; None for one that lies in no class, or in none of the splits."""
    depth = max(class_at, split_at or 0)
    places: list[tuple[str, int] | None] = []
    for parts in folders:
        inside = len(parts) > depth and parts[: len(base)] == base
        split = split_of(parts[split_at]) if inside and split_at is not None else UNASSIGNED
        places.append((parts[class_at], split) if inside and split is not None else None)
    learned = {place[0] for place in places if place and place[1] == 0}
    # "val/images" beside "train/<class>/images", as in Tiny ImageNet, is where pictures without a class lie.
    nameless = {name for name, _ in filter(None, places) if name.lower() in _IMAGES} - learned if learned else set()
    return [place if place and place[0] not in nameless else None for place in places]


def _class_folders(
    tree: Tree, plain: Callable[[str], list[str]], base: list[str], split_at: int | None, class_at: int
) -> Iterator[tuple[str, list[str]]]:
    """The folders whose place in the tree makes them a class (or a class within a split), and their parts."""
    depth = max(class_at, split_at or 0) + 1
    for folder in tree.folders:
        parts = plain(folder)
        in_split = split_at is None or (len(parts) > split_at and split_of(parts[split_at]) is not None)
        if len(parts) == depth and parts[: len(base)] == base and in_split:
            yield folder, parts


def _outside(
    outside: Names, plain: Callable[[str], list[str]], base: list[str], split_at: int | None, class_at: int
) -> Iterator[Problem]:
    """Pictures that are left out since they lie in no class folder, or in no split.

    Args:
        outside: their paths.
        plain: gives the parts of a folder's path.
        base: the folders around the classes.
        split_at: which part of the path names the split.
        class_at: which part names the class.
    """
    depth = len(base)
    folders = (plain(path.rpartition("/")[0]) for path in outside)
    parts = [folder[depth:] if folder[:depth] == base else [] for folder in folders]
    strange = {p[0] for p in parts if split_at == depth and len(p) > 1 and split_of(p[0]) is None}
    if below := [path for path, p in zip(outside, parts, strict=True) if strange.intersection(p[:1])]:
        where = few(f"{name}/" for name in sorted(strange))
        cause = f"{counted(len(below), 'picture')} below {where}, which are no split names"
        mend = "if these are splits, call them train, val or test"
        yield Problem("left_out", "", cause, mend, count=len(below))
    if loose := [path for path, p in zip(outside, parts, strict=True) if not strange.intersection(p[:1])]:
        kind, mend = "class folder", "put them into the folders of their classes"
        if split_at is not None and split_at > class_at:
            kind, mend = "split of a class", "put them into the folders train, val or test of their classes"
        cause = f"{counted(len(loose), 'picture')} in no {kind}: {few(loose)}"
        yield Problem("left_out", "", cause, f"{mend}, if they are to be used", count=len(loose))


def _unread(others: Names) -> Iterator[Problem]:
    """Pictures that are left out since their format is not read, a problem a format."""
    formats: dict[str, list[str]] = {}
    for path in filter(is_unread_picture, others):
        formats.setdefault(suffix_of(path)[1:].upper(), []).append(path)
    for name, paths in formats.items():
        cause = f"{counted(len(paths), f'{name} picture')}, a format that is not read: {few(paths)}"
        mend = f"{install_line('pillow-heif')}, or " if suffix_of(paths[0]) in HEIF_SUFFIXES else ""
        yield Problem("unread_format", "", cause, f"{mend}export them as JPEG", count=len(paths))


def _unnamed_splits(folders: list[list[str]], depth: int) -> Iterator[Problem]:
    """A few folders that hold nothing but folders, the same ones in each: splits that are not called so, more likely
    than classes."""
    below: dict[str, set[str]] = {}
    for parts in folders:
        if len(parts) < depth + 2:
            return
        below.setdefault(parts[depth], set()).add(composed(parts[depth + 1]))
    shared = sorted(name for name in set.intersection(*below.values()) if split_of(name) is None)
    if 1 < len(below) <= _SPLITS_AT_MOST and len(shared) > 1:
        cause = f"{few(sorted(below), _SPLITS_AT_MOST)} look like splits over the classes {few(shared)}"
        mend = (
            "call them train, val and test; if they are the classes, put them all into a folder called train; if they "
            "are versions of the same pictures, name one of them as DATA"
        )
        yield Problem("unknown_split", "", cause, mend, fatal=True)


def _two_levels(folders: list[list[str]], split_at: int | None, class_at: int) -> Iterator[Problem]:
    """Classes that hold no picture themselves, but several folders: either level may be the classes.

    Args:
        folders: those of the pictures that are kept.
        split_at: which part of the path names the split.
        class_at: which part names the class.
    """
    depth = max(class_at, split_at or 0) + 1
    if any(len(parts) == depth for parts in folders):
        return
    pairs = {(parts[class_at], composed(parts[depth])) for parts in folders}
    upper, lower = ({*names} for names in zip(*pairs, strict=True))
    if len(pairs) == len(upper):  # one folder in each says nothing more
        return
    cause = f"the classes are the {counted(len(upper), 'upper folder')}, {few(in_order(upper))}; below them "
    if len(pairs) == len(lower):
        cause += f"lie {len(lower)} others, {few(in_order(lower))}"
        mend = "put them side by side in place of the upper ones"
        if split_at is not None:
            mend = "arrange them as train/<lower folder> and test/<lower folder>"
    else:  # patients, or versions of the same pictures
        cause += f"the same names return, {few(in_order(lower))}"
        columns = "path and label" if split_at is None else "path, label and split"
        mend = f"name the pictures in a manifest.csv with the columns {columns}, and group (the upper folder) if each "
        mend += "is one patient or the like"
    yield Problem(
        "odd_label", "", cause, f"if the lower ones are the classes, {mend}, or name one upper folder as DATA"
    )


def _unread_splits(folders: list[list[str]]) -> Iterator[Problem]:
    """Folders called train and test which are no splits of all that is there."""
    found = {split_of(part): f"{'/'.join(parts[:k])}/" for parts in folders for k, part in enumerate(parts, 1)}
    found.pop(None, None)
    if 0 in found and len(found) > 1:
        cause = f"{few(found.values())} are called as splits are, but are taken for classes or for parts of them"
        mend = "if they are splits, arrange all as train/<class>, test/<class>, or name the folder around them as DATA"
        yield Problem("unknown_split", "", cause, mend)


def _are_parts(labels: tuple[str, ...]) -> bool:
    """Whether folders differ in nothing but the number of a part, so that they say nothing of what they hold."""
    stems = {found[1].lower() if (found := _PART.fullmatch(label)) else "" for label in labels}
    return len(labels) > 1 and len(stems) == 1 and "" not in stems


def _from_table(tree: Tree, others: Names) -> str:
    """How the labels are read from a table beside the pictures; empty where there is none."""
    remarks = {path: _remark(tree, path) for path in others if path.lower().endswith(MANIFEST_SUFFIXES)}
    if not remarks:
        return ""
    tables = [path for path, remark in remarks.items() if not remark]
    if not tables:
        return f"to take the labels from a table, give it the columns path and label: {next(iter(remarks.values()))}"
    if len(tables) > 1:
        return f"name the one table of all labels as DATA, or join {few(tables)} to a manifest.csv with a column split"
    if not isinstance(tree.storage, Files):
        return f"to take the labels from {printable(tables[0])}, call it manifest.csv"
    path = shlex.quote(f"{tree.name.rstrip('/')}/{tables[0]}")
    return f"`smalti check {printable(path)}` reads the labels from that table"


def _remark(tree: Tree, path: str) -> str:
    """What keeps a table from being a manifest; empty where nothing does."""
    try:
        return manifest.remark(tree, path)
    except InputError as error:
        return f"{printable(path)}: {error.cause}"


def _no_pictures(tree: Tree, unread: list[Problem], remarks: tuple[str, ...]) -> InputError:
    if unread:
        return InputError(unread[0].cause, where=tree.name, mend=unread[0].mend)
    why = f"it holds {few(tree.paths)}" if tree.paths else "it is empty"
    return InputError("no pictures found", where=tree.name, why="; ".join([why, *remarks]), mend=_LAYOUTS)


def _refuse_other_tasks(
    name: str, folders: list[list[str]], pictures: Names, folder_of: NDArray[np.int64], others: Names
) -> None:
    """Sets for detection and segmentation would pass for classes called "images" and "masks".

    Args:
        name: of the data set.
        folders: those that hold pictures.
        pictures: their paths.
        folder_of: for each of them, the number of its folder.
        others: the files that are no pictures.
    """
    lower = [path.lower() for path in others]
    beside: dict[tuple[str, ...], set[str]] = {}  # in each folder, those that hold pictures, deeper down too
    for parts in folders:
        for depth, part in enumerate(parts):
            beside.setdefault(tuple(parts[:depth]), set()).add(part.lower())
    words = set().union(*beside.values()) | {part for path in lower for part in path.split("/")[:-1]}
    boxed = {_stem(path) for path in lower if "labels/" in path and path.endswith(".txt")}
    found = ""
    if "annotations" in words and any(path.endswith(".xml") for path in lower):
        found = "boxes for object detection (Pascal VOC: Annotations/*.xml)"
    elif any(f"/{path}".endswith("/_annotations.csv") for path in lower):
        found = "boxes for object detection (_annotations.csv)"
    elif any(path.endswith("coco.json") or (path.endswith(".json") and "/instances_" in f"/{path}") for path in lower):
        found = "boxes for object detection (COCO JSON)"
    elif boxed and {"labels", "images"} <= words and any(_stem(path) in boxed for path in pictures):
        found = "boxes for object detection (YOLO: labels/*.txt)"
    elif paired := _paired(folders, beside, pictures, folder_of):
        found = f"pictures paired with masks for segmentation ({'/, '.join(sorted(paired))}/)"
    if found:
        raise InputError(
            f"not a classification set: it holds {found}", where=name, mend=f"to classify the pictures, {_LAYOUTS}"
        )


def _paired(
    folders: list[list[str]], beside: dict[tuple[str, ...], set[str]], pictures: Names, folder_of: NDArray[np.int64]
) -> set[str]:
    """Of folders side by side, in small letters, those of pictures and of their masks: "images" and "masks"; "train"
    and "train_labels" where most masks are called as pictures are. "face" and "face_mask" are classes."""
    stems = partial(_stems, folders, pictures, folder_of)
    for around, names in beside.items():
        if names & _IMAGES and names & _MASKS:
            return names & (_IMAGES | _MASKS)
        for name in sorted(names):
            for masks in sorted(names & {f"{name}_{mask}" for mask in _MASKS - {"mask"}}):
                if _called_alike(stems(around, name), stems(around, masks)):
                    return {name, masks}
    return set()


def _called_alike(pictures: set[str], masks: set[str]) -> bool:
    """Whether most masks are called as a picture is, with a word more behind it or not ("a_1" and "a_1_mask")."""
    starts = (accumulate(re.split(r"([\W_]+)", mask)) for mask in masks)
    return 2 * sum(not pictures.isdisjoint(of_one) for of_one in starts) > len(masks)


def _stems(
    folders: list[list[str]], pictures: Names, folder_of: NDArray[np.int64], around: tuple[str, ...], name: str
) -> set[str]:
    """What the pictures below a folder are called, deeper down too; its own name is in small letters."""
    depth = len(around)
    below = [len(f) > depth and f[:depth] == [*around] and f[depth].lower() == name for f in folders]
    return {*map(_stem, pictures.take(np.flatnonzero(np.asarray(below)[folder_of])))}


def _stem(path: str) -> str:
    """The name of a file without its suffix, in small letters."""
    return path.rpartition("/")[2].rpartition(".")[0].lower()
