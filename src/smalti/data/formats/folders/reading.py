"""From class folders to a source."""

from collections.abc import Iterator, Sequence

import numpy as np

from smalti.data.formats.folders.by_folder import NO_CLASSES, ByFolder
from smalti.data.formats.folders.classified import classified
from smalti.data.formats.folders.doubts import doubts
from smalti.data.formats.folders.file_names import from_file_names
from smalti.data.formats.folders.layout import LAYOUTS, Layout
from smalti.data.formats.folders.left_out import in_no_place, of_unread_formats
from smalti.data.formats.folders.masks import masks_of_classes, masks_told
from smalti.data.formats.folders.other_tasks import refuse_other_tasks
from smalti.data.formats.folders.parts import Parts, doubled_folders
from smalti.data.formats.folders.tables import from_table, one_class
from smalti.data.formats.labels import composed, in_order, split_named
from smalti.data.formats.tree import Tree, is_unread_picture
from smalti.data.names import Names
from smalti.data.source import UNASSIGNED, Problem, Source
from smalti.errors import InputError, counted, few, printable

__all__ = ["class_folders"]


def class_folders(tree: Tree, remarks: tuple[str, ...] = ()) -> Source:
    """Reads the layout from paths alone.

    The class is the first folder, or the first one below a split; deeper folders belong to it. One folder around
    everything is looked through, and so is one that holds nothing but a folder of its own name.
    `<class>/<split>/<picture>` is read as well. What lies beside the splits overturns neither. Where folders say no
    class, the names of files may ("cat.0.jpg"). Masks of pictures beside them are left out. What is left out, and
    folders that look like splits under other names, are among the source's problems.

    Args:
        tree: the files.
        remarks: what is to be said where no classes are found (a manifest that lacks a column).

    Raises:
        InputError: there are no pictures, no class folders, or the layout is that of another task.
    """
    doubled = doubled_folders(tree)
    pictures = ByFolder.of(tree, doubled)
    others = tree.paths.take(np.delete(np.arange(len(tree.paths)), pictures.positions))
    masked = masks_of_classes(pictures)
    masks = pictures.paths.take(np.flatnonzero(masked))
    pictures = pictures.without(masked) if len(masks) else pictures
    refuse_other_tasks(tree.name, pictures, others)
    unread = [*of_unread_formats(others)]
    left_out = (*unread, *masks_told(masks))
    if not pictures.paths:
        raise _no_pictures(tree, unread, remarks)
    layout = Layout.of(pictures.folders, doubled)
    folders = [layout.as_meant(parts) for parts in pictures.folders]
    places = layout.places(folders)
    within = np.asarray([place is not None for place in places])[pictures.folder_of]
    kept, folder_of = pictures.positions[within], pictures.folder_of[within]
    classes = {number: printable(place[0], 300) for number, place in enumerate(places) if place}
    say_nothing = all(name.lower() in NO_CLASSES or split_named(name) is not None for name in {*classes.values()})
    if say_nothing and not remarks and (source := from_file_names(tree, pictures, layout, left_out)):
        return source
    if not len(kept) or (remarks and len({*classes.values()}) == 1):  # a lone folder beside a manifest is no class
        raise _no_classes(tree, pictures.paths, others, remarks)
    splits = np.asarray([place[1] if place else UNASSIGNED for place in places], np.int8)[folder_of]
    names = map(classes.__getitem__, folder_of.tolist())
    problems = (
        *left_out,
        *in_no_place(layout, tree.paths.take(pictures.positions[~within])),
        *doubts(layout, folders, places),
        *one_class(tree, in_order(map(composed, classes.values())), others),
    )
    notes, empty = (*_notes(layout, others), *remarks), _empty_classes(tree, layout, folders)
    return classified(tree, kept, names, splits, notes=notes, problems=problems, empty_classes=empty)


def _no_pictures(tree: Tree, unread: Sequence[Problem], remarks: Sequence[str]) -> InputError:
    if unread:
        return InputError(unread[0].cause, where=tree.name, mend=unread[0].mend)
    why = f"it holds {few(tree.paths)}" if tree.paths else "it is empty"
    return InputError("no pictures found", where=tree.name, why="; ".join([why, *remarks]), mend=LAYOUTS)


def _no_classes(tree: Tree, pictures: Names, others: Names, remarks: Sequence[str]) -> InputError:
    if remarks:
        mend = (
            "give the manifest a column path with the file of each picture, and a column label (or labels, or "
            "target) with its answer, or name it as DATA, with --column path=NAME --column label=NAME"
        )
        return InputError("no classes found", where=tree.name, why="; ".join(remarks), mend=mend)
    return InputError(
        f"{counted(len(pictures), 'picture')} but no class folders",
        where=tree.name,
        why=f"the pictures lie together, as {few([pictures[0]])}",
        mend=from_table(tree, others) or LAYOUTS,
    )


def _notes(layout: Layout, others: Names) -> Iterator[str]:
    """How the folders are read, and which files are not."""
    if layout.doubled:
        named = few(f"{folder}/" for folder in sorted(layout.doubled))
        yield f"looked through {named}, each of which holds nothing but a folder of its own name"
    if layout.meant:
        yield f"read {few(f'{top}/ as {word}' for top, word in sorted(layout.meant.items()))}"
    if layout.around:
        yield f"read below {printable('/'.join(layout.around))}/"
    if no_pictures := [path for path in others if not is_unread_picture(path)]:
        yield f"{counted(len(no_pictures), 'file')} left out, not pictures: {few(no_pictures)}"


def _empty_classes(tree: Tree, layout: Layout, folders: Sequence[Parts]) -> Iterator[str]:
    """The folders whose place makes them a class (or a class within a split), though no picture lies below them.

    Args:
        tree: all there are.
        layout: as they are read.
        folders: those that hold pictures, as they are meant.
    """
    holding = {parts[: layout.depth] for parts in folders}
    for folder in tree.folders:
        parts = layout.parts(folder)
        if len(parts) == layout.depth and parts not in holding and layout.place(parts):
            yield folder
