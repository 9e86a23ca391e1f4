"""Splits that are missing where others are given."""

from tests.data.problems.looking import TEST, TRAIN, VAL, kinds, look, noise


def test_splits():
    found = look(noise(6), splits=[TEST] * 6)
    assert (found.problems[0].kind, found.trainable) == ("missing_split", False)
    assert "only test" in found.problems[0].cause
    found = look(noise(6), splits=[TRAIN] * 4 + [VAL] * 2)
    assert (kinds(found), found.trainable) == (["missing_split"], True)
    assert kinds(look(noise(6), splits=[TRAIN] * 6)) == []
