"""Classes that the names of files say, where folders say none; what any picture is called is no class."""

from collections.abc import Sequence

import pytest
from tests.data.formats.folders.trees import summary, tree

from smalti.data.formats.folders import class_folders
from smalti.errors import InputError

PETS = [f"{name}_{i}.jpg" for name in ("Abyssinian", "Egyptian_Mau", "pug") for i in range(1, 7)]


def numbered(pattern: str, *names: str, number: int = 5) -> list[str]:
    return [pattern.format(name=name, i=i) for name in names for i in range(number)]


@pytest.mark.parametrize("base", ["", "images/", "pets/images/", "data/"])
def test_names_up_to_their_number_are_classes(base: str) -> None:
    source = class_folders(tree(*(base + name for name in PETS)))
    assert summary(source) == {base + name: (name.rpartition("_")[0], -1) for name in PETS}
    assert source.notes[-1] == (
        "the classes are read from the names of the files, up to their numbers: "
        "Abyssinian (6), Egyptian_Mau (6), pug (6)"
    )
    assert not source.problems


@pytest.mark.parametrize("pattern", ["{name}.{i}.jpg", "{name}{i}.png", "{name} ({i}).jpg", "{name}-{i}_.webp"])
def test_numbers_are_written_in_many_ways(pattern: str) -> None:
    assert class_folders(tree(*numbered(pattern, "cat", "dog"))).labels == ("cat", "dog")


def test_folders_may_be_splits() -> None:
    splits = enumerate(("train", "val"))
    places = {f"{word}/{c}.{i}.jpg": (c, s) for s, word in splits for c in ("cat", "dog") for i in range(5)}
    assert summary(class_folders(tree(*places))) == places


def test_pictures_whose_names_say_nothing_are_told() -> None:
    source = class_folders(tree(*numbered("train/{name}.{i}.jpg", "cat", "dog"), "test1/1.jpg", "test1/2.jpg"))
    assert source.labels == ("cat", "dog")
    (left_out,) = source.problems
    assert (left_out.kind, left_out.count) == ("left_out", 2)
    assert left_out.cause == "2 pictures whose names say no class: test1/1.jpg, test1/2.jpg"


@pytest.mark.parametrize(
    "paths",
    [
        numbered("{name}_{i:04}.jpg", "IMG", "DSC"),
        numbered("{name}_{i:04}.jpg", "IMG_2024_05", "cat"),
        numbered("{name}_slice_{i}.png", "patient1", "patient2"),
        numbered("{name}_{i}.jpg", "ann", "bob", "cem", number=2),
        numbered("{name}.jpg", "cat", "dog"),
        numbered("holiday_{i}.jpg", "", number=9),
        [*numbered("{name}_{i}.jpg", "cat", "dog"), *numbered("{i}.jpg", "", number=11)],
    ],
)
def test_what_any_picture_is_called_is_no_class(paths: Sequence[str]) -> None:
    with pytest.raises(InputError, match="no class folders"):
        class_folders(tree(*paths))


def test_a_folder_that_says_something_is_the_class() -> None:
    source = class_folders(tree(*numbered("animals/{name}_{i}.jpg", "cat", "dog")))
    assert source.labels == ("animals",)


def test_a_class_that_was_never_learned_is_refused() -> None:
    with pytest.raises(InputError, match="class 'dog' occurs only in test"):
        class_folders(tree(*numbered("train/{name}.{i}.jpg", "cat", "cow"), *numbered("test/{name}.{i}.jpg", "dog")))
