from pathlib import Path

import pytest

from smalti.data.text.asked import asked_texts
from smalti.errors import InputError


def test_the_name_of_a_file_stands_for_its_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reviews.csv").write_text('text,label\n"good, one",a\nbad,b\n')
    (tmp_path / "pairs.jsonl").write_text('{"source": "un", "target": "one"}\n')
    (tmp_path / "lines.txt").write_text("first\n\nsecond\n")
    (tmp_path / "good").write_text("a file without a suffix")
    asked = ["none.txt", "reviews.csv", "lines.txt", "good"]
    assert list(asked_texts(asked, "text")) == ["none.txt", "good, one", "bad", "first", "second", "good"]
    assert list(asked_texts([Path("pairs.jsonl")], "source")) == ["un"]
    with pytest.raises(InputError, match="no column source; the columns are text, label"):
        list(asked_texts(["reviews.csv"], "source"))
