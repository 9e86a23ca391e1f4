from smalti.data import memory
from smalti.data.memory import default_memory_limit


def test_at_most_four_gib_are_taken():
    assert 0 < default_memory_limit() <= 4 << 30


def test_a_container_counts_files_it_may_forget_as_free(tmp_path, monkeypatch):
    for name, text in (("max", "1048576\n"), ("current", "1000000\n"), ("stat", "file 9\ninactive_file 500000\n")):
        (tmp_path / f"memory.{name}").write_text(text)
    monkeypatch.setattr(memory, "_GROUP", tmp_path)
    assert default_memory_limit() == (1048576 - 500000) // 4
