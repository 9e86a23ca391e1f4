import gc

import pytest

from smalti.cli.startup import imports


@pytest.fixture(autouse=True)
def thawed():
    gc.disable()  # so that a collection in between does not empty the count
    yield
    gc.unfreeze()
    gc.enable()


def test_what_was_made_meanwhile_is_never_looked_through_again():
    gc.enable()
    before = gc.get_freeze_count()
    with imports():
        assert not gc.isenabled()
        kept = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(kept)


def test_an_import_that_fails_leaves_the_collector_on():
    gc.enable()
    with pytest.raises(ImportError), imports():
        raise ImportError("no such module")
    assert gc.isenabled()
