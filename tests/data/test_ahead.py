import itertools
import threading
import time

import pytest

from smalti.data.ahead import ahead


class TestAhead:
    def test_order_and_end(self):
        assert list(ahead(iter(range(100)))) == list(range(100))
        assert list(ahead(iter(()))) == []

    def test_errors_arrive_after_the_items_before_them(self):
        def items():
            yield 1
            yield 2
            raise KeyError("three")

        iterator = ahead(items())
        assert [next(iterator), next(iterator)] == [1, 2]
        with pytest.raises(KeyError, match="three"):
            next(iterator)

    def test_falsy_items_are_items(self):
        assert list(ahead(iter([None, 0, ()]))) == [None, 0, ()]

    @pytest.mark.parametrize("taken", [0, 1, 5])
    def test_leaving_early_ends_the_thread(self, taken):
        before = threading.active_count()
        iterator = ahead(itertools.count())
        assert list(itertools.islice(iterator, taken)) == list(range(taken))
        start = time.perf_counter()
        iterator.close()
        assert time.perf_counter() - start < 2
        assert threading.active_count() == before

    def test_it_works_ahead_but_not_too_far(self):
        made = []
        iterator = ahead((made.append(i) or i for i in range(100)), depth=2)
        next(iterator)
        deadline = time.perf_counter() + 5
        while len(made) < 4 and time.perf_counter() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        assert len(made) == 4  # one taken, two waiting, one in hand
        iterator.close()
