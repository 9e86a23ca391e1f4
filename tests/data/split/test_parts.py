"""What the parts say of themselves."""

import numpy as np
import pytest
from tests.data.split.worlds import TEST, TRAIN, samples

from smalti.data.split import Split, split
from smalti.errors import InputError


@pytest.mark.parametrize(
    ("contents", "splits"), [([1, 2], [TEST, TEST]), ([1, 1], [TRAIN, TEST])], ids=["none", "leaked"]
)
def test_data_without_train_can_be_judged_but_not_learned_from(contents, splits):
    parts = split(*samples(contents, [0, 1], splits=splits))
    assert parts.test.tolist() == [i for i, place in enumerate(splits) if place == TEST]
    with pytest.raises(InputError, match="nothing readable to train on"):
        parts.demand_train("set")


def test_all_are_the_readable_samples_in_a_split_or_not():
    source, facts = samples([1, 1, 2, 3, 4], [0, 1, 0, 1, 0], splits=[TRAIN, TEST, TRAIN, TRAIN, TEST], unreadable=[3])
    parts = split(source, facts, val=0.0)
    assert parts.dropped.tolist() == [0]
    assert parts.all.tolist() == [0, 1, 2, 4]


def test_without_val_train_chooses():
    few = Split(np.arange(5), np.arange(0), np.arange(5, 8), "made")
    assert few.choosing is few.train
    some = Split(np.arange(5), np.arange(5, 7), np.arange(7, 8), "made")
    assert some.choosing is some.val
