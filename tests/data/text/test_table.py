from pathlib import Path

import numpy as np
import pytest

from smalti.data.text import open_pairs, open_sentences, split_texts, texts_of
from smalti.data.text.table import read_table
from smalti.errors import InputError


def table(folder: Path, content: str, name: str = "t.csv") -> Path:
    (folder / name).write_text(content)
    return folder / name


def test_columns_and_splits_are_read_with_their_lines(tmp_path: Path):
    path = table(tmp_path, 'Source,target,split\n"a, b",c\n\nd,e,dev\n')
    found = read_table(path, ("source", "target"))
    assert found.columns == {"source": ["a, b", "d"], "target": ["c", "e"]}
    assert found.splits.tolist() == [-1, 1]
    assert found.names == ["line 2", "line 4"]


def test_json_lines_keep_line_breaks_in_a_text(tmp_path: Path):
    path = table(tmp_path, '{"source": "a\\nb", "target": 7}\n', "t.jsonl")
    assert read_table(path, ("source", "target")).columns == {"source": ["a\nb"], "target": ["7"]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("source,answer\na,b\n", "no column target; the columns are source, answer"),
        ("source,target\n", "no rows"),
        ("source,target\na, \n", "line 2: no target"),
        ("source,target,split\na,b,trian\n", "line 2: unknown split 'trian'; did you mean 'train'"),
    ],
)
def test_a_table_that_lacks_something_names_it(tmp_path: Path, content: str, said: str):
    with pytest.raises(InputError, match=said):
        read_table(table(tmp_path, content), ("source", "target"))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            '{"text": "a", "label": ["toxic", "rude"]}',
            r"line 2: the label is \['toxic', 'rude'\], not a text; write one",
        ),
        ('{"text": "a", "label": []}', "line 2: the label is"),
        ('{"text": {"en": "a"}, "label": "b"}', "line 2: the text is"),
        ('{"text": "cut \\ud83d", "label": "b"}', "line 2: half a surrogate pair, U.D83D at position 4, is no char"),
    ],
)
def test_what_is_no_text_is_told_with_its_line(tmp_path: Path, row: str, said: str):
    path = table(tmp_path, '{"text": "whole \\ud83d\\ude00", "label": 1}\n' + row, "t.jsonl")
    with pytest.raises(InputError, match=said):
        open_sentences(path)


def test_equal_sources_stay_in_one_split(tmp_path: Path):
    rows = "".join(f"{i % 40},answer {i}\n" for i in range(200))
    pairs = open_pairs(table(tmp_path, "source,target\n" + rows))
    made = split_texts(pairs.sources, seed=1)
    assert len(made.train) + len(made.val) + len(made.test) == 200
    assert len(made.val) == len(made.test) == 20
    sources = np.array(texts_of(pairs.sources))
    parts = [set(sources[part]) for part in (made.train, made.val, made.test)]
    assert not (parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2])
    assert made.reason == "the data gives no test split: 0.8 train, 0.1 val, 0.1 test, by hash of content"
    assert split_texts(pairs.sources, seed=2).test.tolist() != made.test.tolist()


def test_rows_of_a_group_stay_in_one_split(tmp_path: Path):
    rows = "".join(f"text {i},{'ab'[i % 2]},{f'author {i // 5}' if i < 90 else ''}\n" for i in range(100))
    source = open_sentences(table(tmp_path, "text,label,group\n" + rows))
    assert len(np.unique(source.groups)) == 18 + 10
    made = split_texts(source)
    parts = [set(source.groups[part].tolist()) for part in (made.train, made.val, made.test)]
    assert all(parts)
    assert not (parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2])


def test_line_ends_in_a_text_are_line_feeds(tmp_path: Path):
    (tmp_path / "t.csv").write_bytes(b'source,target\r\n"a\r\nb",c\r\n')
    assert texts_of(open_pairs(tmp_path / "t.csv").sources) == ["a\nb"]


def test_a_given_test_keeps_what_train_has_too(tmp_path: Path):
    rows = "".join(f"{i},x,train\n" for i in range(20)) + "3,x,test\n77,x,test\n"
    pairs = open_pairs(table(tmp_path, "source,target,split\n" + rows))
    made = split_texts(pairs.sources)
    assert made.test.tolist() == [20, 21]
    assert made.dropped.tolist() == [3]
    assert "line 5" in made.reason


def test_labels_are_in_order_and_divided_class_by_class(tmp_path: Path):
    rows = "".join(f"text {i},{'b' if i % 4 else 'a'}\n" for i in range(80))
    source = open_sentences(table(tmp_path, "text,label\n" + rows))
    assert source.labels == ("a", "b")
    made = split_texts(source)
    assert [(source.targets[part] == 0).sum() for part in (made.train, made.val, made.test)] == [16, 2, 2]


def test_the_fingerprint_changes_with_a_text(tmp_path: Path):
    one, other = (open_pairs(table(tmp_path, f"source,target\na,{t}\n")).fingerprint() for t in "bc")
    assert one != other
