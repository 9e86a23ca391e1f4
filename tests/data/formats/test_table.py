import pytest

from smalti.data.formats.table import first_columns, parse, stated_split
from smalti.errors import InputError


def test_columns_are_lower_case_and_rows_know_their_lines():
    columns, rows = parse('\ufeffText;LABEL\n\n"a;\nb";x\nc;y\n'.encode(), "t.csv")
    assert columns == ("text", "label")
    assert list(rows) == [(4, {"text": "a;\nb", "label": "x"}), (5, {"text": "c", "label": "y"})]


@pytest.mark.parametrize("sign", [";", ",", "\t"])
def test_the_line_that_names_the_separator_is_left_out(sign: str):
    columns, rows = parse(f"\ufeffsep={sign}\r\nPath{sign}Label\r\na{sign}b\r\n".encode(), "t.csv")
    assert (columns, rows.header) == (("path", "label"), ("Path", "Label"))
    assert list(rows) == [(3, {"path": "a", "label": "b"})]


def test_json_lines_may_have_columns_of_their_own():
    columns, rows = parse(b'{"A": 1}\n\n{"b": [2]}', "t.jsonl")
    assert columns == ("a", "b")
    assert list(rows) == [(1, {"a": 1}), (3, {"b": [2]})]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", b"a\xff", "not UTF-8 text .at byte 1."),
        ("t.csv", b"a,A\n", "two columns are called 'a'"),
        ("t.csv", b"a,b\n1,2,3\n", "line 2: 3 values for 2 columns"),
        ("t.csv", b'a,b\n1,"2\n3,4\n5,6\n', "line 2: not a table .unexpected end of data.; .* close every quote"),
        ("t.csv", b'a,b\n1,2\n1,"2"x\n', "line 3: not a table"),
        ("t.csv", b"a\n" + b"x" * 200_000, "line 2: not a table .*a value has at most 131,072 characters"),
        ("t.jsonl", b"{\n", "line 1: not JSON"),
        ("t.jsonl", b"[1]\n", "line 1: not a JSON object"),
    ],
)
def test_what_is_no_table_is_told_with_its_line(name: str, content: bytes, said: str):
    with pytest.raises(InputError, match=said):
        list(parse(content, name)[1])


@pytest.mark.parametrize(("name", "content"), [("t.csv", b"a\n1\n2\n"), ("t.jsonl", b'{"a": "1"}\n{"a": "2"}')])
def test_rows_can_be_gone_through_again(name: str, content: bytes):
    _, rows = parse(content, name)
    assert [row["a"] for _, row in rows] == [row["a"] for _, row in rows] == ["1", "2"]


def test_the_first_line_gives_the_columns_though_the_rest_is_cut_off():
    assert first_columns(b'text,label\n"half a', "t.csv") == ("text", "label")
    assert first_columns(b'sep=;\ntext;label\n"half a', "t.csv") == ("text", "label")
    assert first_columns(b'{"text": "a", "label": 1}\n{"text": "ha', "t.jsonl") == ("text", "label")


def test_words_for_splits():
    assert [stated_split(word, "here") for word in ("Train", "dev", " testing ")] == [0, 1, 2]
    with pytest.raises(InputError, match=r"here: unknown split 'tset'; did you mean 'test'"):
        stated_split("tset", "here")
