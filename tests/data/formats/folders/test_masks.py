"""Masks beside the pictures of classes are left out, and told; sets for segmentation are refused as ever."""

from collections.abc import Iterator

import pytest
from tests.data.formats.folders.trees import summary, tree

from smalti.data.formats.folders import class_folders
from smalti.errors import InputError

CLASSES = ("COVID", "Viral Pneumonia")


def folders_of_masks(names: tuple[str, ...], masks: str = "masks", number: int = 5) -> Iterator[str]:
    """Pictures and masks of them, as the COVID-19 Radiography Database has them."""
    for name in names:
        for kind in ("images", masks):
            yield from (f"{name}/{kind}/{name.rpartition('/')[2]}-{i}.png" for i in range(number))


@pytest.mark.parametrize(
    ("paths", "classes"),
    [
        (folders_of_masks(CLASSES), {*CLASSES}),
        (folders_of_masks(CLASSES, "lung masks"), {*CLASSES}),
        ((f"set/Train/{path}" for path in folders_of_masks(CLASSES)), {*CLASSES}),
        ((f"{c}/{c} ({i}){m}.png" for c in "ab" for i in range(3) for m in ("", "_mask", "_mask_1")), {"a", "b"}),
        ((f"train/{c}/x{i}{m}" for c in "ab" for i in range(3) for m in (".jpg", "_Segmentation.png")), {"a", "b"}),
    ],
)
def test_masks_of_classes_are_no_pictures(paths: Iterator[str], classes: set[str]) -> None:
    all_of_them = [*paths]
    source = class_folders(tree(*all_of_them))
    assert set(source.labels) == classes
    masks = [path for path in all_of_them if "mask" in path or "Segmentation" in path]
    assert set(source.names) == {*all_of_them} - {*masks}
    (told,) = source.problems
    assert (told.kind, told.count, told.fatal) == ("left_out", len(masks), False)
    assert told.cause.startswith(f"{len(masks)} masks of pictures beside them: {min(masks)}")


def test_each_picture_keeps_its_class() -> None:
    source = class_folders(tree("a/1.png", "a/1_mask.png", "b/2.png", "b/masks/2.png", "c/3.png"))
    assert summary(source) == {
        "a/1.png": ("a", -1),
        "b/2.png": ("b", -1),
        "b/masks/2.png": ("b", -1),  # beside no folder of images: a folder of pictures as any other
        "c/3.png": ("c", -1),
    }


@pytest.mark.parametrize(
    "paths",
    [
        ("train/images/1.jpg", "train/masks/1.png", "val/images/2.jpg", "val/masks/2.png"),
        folders_of_masks(("train", "test")),
        folders_of_masks(("scene",)),
        folders_of_masks(("patient_1", "patient_2", "patient_3"), number=1),
    ],
)
def test_segmentation_is_refused_still(paths: Iterator[str]) -> None:
    with pytest.raises(InputError, match="paired with masks"):
        class_folders(tree(*paths))


def test_a_word_in_a_name_makes_no_mask() -> None:
    names = ("mask/1.jpg", "mask/mask_2.jpg", "mask/face_mask.jpg", "no_mask/1_mask.jpg", "no_mask/2.jpg")
    source = class_folders(tree(*names))
    assert set(source.names) == {*names}
    assert not source.problems
