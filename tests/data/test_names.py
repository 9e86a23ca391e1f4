"""Packed names are the strings they were made of, and an index of them is small."""

import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smalti.data import Source
from smalti.data import open as open_data
from smalti.data.formats.folders import class_folders
from smalti.data.formats.tree import Tree
from smalti.data.formats.walk import Files
from smalti.data.names import Names

TEXTS = ["cat/1.jpg", "", "größe/ö.png", "\udcff\udcfe.jpg", "\ud800", "日本", "new\nline", "x" * 300]


def test_names_are_the_strings_they_were_made_of():
    names = Names(TEXTS)
    assert list(names) == TEXTS
    assert [names[i] for i in range(-len(TEXTS), len(TEXTS))] == TEXTS * 2
    assert list(names[1:4]) == TEXTS[1:4]
    assert list(pickle.loads(pickle.dumps(names))) == TEXTS
    assert not Names()
    with pytest.raises(IndexError):
        names[len(TEXTS)]


def test_names_are_gone_through_beyond_those_looked_up_together():
    many = [str(i) for i in range(10_000)]
    assert list(Names(many)) == many


@settings(max_examples=30)
@given(st.lists(st.text(st.characters(exclude_categories=[]), max_size=6)), st.data())
def test_a_choice_is_the_same_choice_of_the_strings(texts: list[str], data: st.DataObject):
    chosen = data.draw(st.lists(st.sampled_from(range(len(texts))) if texts else st.nothing()))
    assert list(Names(texts).take(chosen)) == [texts[i] for i in chosen]
    assert list(Names(texts).take(chosen).take(range(len(chosen)))) == [texts[i] for i in chosen]


def folder(top: Path, names: list[str]) -> Source:
    paths = Names(names)
    return class_folders(Tree("photos", paths, [], Files(str(top), paths)))


def manifest(top: Path, names: list[str]) -> Source:
    (top / names[-1]).parent.mkdir(parents=True)
    (top / names[-1]).touch()
    (top / "list.csv").write_text("path,label\n" + "".join(f"{name},{name[:8]}\n" for name in names))
    return open_data(top / "list.csv")


@pytest.mark.parametrize("opened", [folder, manifest])
def test_an_open_data_set_takes_tens_of_bytes_a_picture(opened: Callable[[Path, list[str]], Source], tmp_path: Path):
    names = [f"class_{i % 10:02d}/picture_{i:06d}.jpg" for i in range(4_000)]
    opened(tmp_path / "few", names[:1])  # what is loaded on the way is not counted
    tracemalloc.start()
    try:
        source = opened(tmp_path, names)
        held, most = (taken / len(names) for taken in tracemalloc.get_traced_memory())
    finally:
        tracemalloc.stop()
    assert list(source.names) == names
    assert held < 70, "27 of them are the name"
    assert most < 200
