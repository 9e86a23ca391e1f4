"""Sets of boxes and masks are refused; classes that are called alike are not."""

import pytest
from tests.data.formats.folders.trees import tree

from smalti.data.formats.folders import class_folders
from smalti.errors import InputError


@pytest.mark.parametrize(
    ("paths", "what"),
    [
        ((), "no pictures found.*it is empty"),
        (("a/1.txt", "b/2.doc"), "no pictures found.*it holds a/1.txt, b/2.doc"),
        (("1.jpg", "2.jpg"), "2 pictures but no class folders.*<class>/<picture>.*train/<class>/<picture>.*manifest"),
        (("train/1.jpg", "test/2.jpg"), "2 pictures but no class folders"),
        (("train/a/1.jpg", "test/b/1.jpg"), "class 'b' occurs only in test"),
        (("JPEGImages/1.jpg", "Annotations/1.xml"), "not a classification set: it holds boxes.*Pascal VOC"),
        (("images/train/1.jpg", "Annotations/train/1.xml"), "not a classification set: it holds boxes.*Pascal VOC"),
        (("images/a/1.jpg", "images/b/1.jpg", "annotations/a/1.xml", "annotations/b/1.xml"), "boxes.*Pascal VOC"),
        (("images/train/1.jpg", "labels/train/1.txt"), "not a classification set: it holds boxes.*YOLO"),
        (("train/1.jpg", "train/_annotations.csv"), "not a classification set: it holds boxes.*_annotations.csv"),
        (("train/1.jpg", "annotations/instances_train.json"), "not a classification set: it holds boxes.*COCO"),
        (("train/images/1.jpg", "train/masks/1.png"), "not a classification set: it holds pictures paired with masks"),
        (("leftImg8bit/train/a/1.png", "gtFine/train/a/1.png"), r"paired with masks .*\(gtfine/, leftimg8bit/\)"),
        (("train/1.png", "train_labels/1.png", "val/2.png"), r"paired with masks .* \(train/, train_labels/\)"),
        (("Cars/a_1.png", "Cars_Masks/a_1_mask.gif"), r"paired with masks .* \(cars/, cars_masks/\)"),
    ],
)
def test_what_is_no_classification_set(paths: tuple[str, ...], what: str) -> None:
    with pytest.raises(InputError, match=what) as caught:
        class_folders(tree(*paths))
    assert caught.value.where == "DATA"
    assert caught.value.mend


def test_classes_may_be_called_as_masks_are() -> None:
    source = class_folders(tree("images/mask/1.jpg", "images/no_mask/1.jpg"))
    assert source.labels == ("mask", "no_mask")
    assert class_folders(tree("face/1.jpg", "face_mask/1.jpg")).labels == ("face", "face_mask")
    products = class_folders(tree("hair/h1.jpg", "hair/h2.jpg", "hair_masks/m1.jpg", "hair_masks/m2.jpg", "body/b.jpg"))
    assert products.labels == ("body", "hair", "hair_masks")
    cars = class_folders(tree("mustang/mustang_1.jpg", "mustang_gt/mustang_gt_1.jpg"))
    assert cars.labels == ("mustang", "mustang_gt")


def test_lists_in_a_folder_called_labels_are_no_boxes() -> None:
    source = class_folders(tree("dtd/images/banded/b_1.jpg", "dtd/images/dotted/d_1.jpg", "dtd/labels/train1.txt"))
    assert source.labels == ("banded", "dotted")


def test_boxes_by_class_make_no_other_task() -> None:
    """ImageNet, as Kaggle has it."""
    classes = ("n01440764", "n01443537")
    pictures = [f"ILSVRC/Data/CLS-LOC/train/{c}/{c}_{i}.JPEG" for c in classes for i in range(2)]
    boxes = [f"ILSVRC/Annotations/CLS-LOC/train/{c}/{c}_{i}.xml" for c in classes for i in range(2)]
    source = class_folders(tree(*pictures, *boxes, "ILSVRC/Data/CLS-LOC/test/1.JPEG"))
    assert source.labels == classes
    assert set(source.names) == {*pictures}
