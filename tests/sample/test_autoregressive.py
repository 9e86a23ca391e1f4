import numpy as np
import pytest
import torch
from tests.sample.models import Reading, Recurrent

from smalti.errors import InputError
from smalti.sample import generate

PROMPTS = ([1, 2, 3], [4], [5, 6, 7, 8, 9, 1, 2])


def drawn(*args, **options):
    return np.stack(list(generate(*args, **options)), 1)  # (B, tokens)


@pytest.mark.parametrize("max_len", [None, 7, 8])
def test_a_text_does_not_depend_on_the_others_in_its_batch(max_len):
    model = Reading(max_len=max_len)
    together = drawn(model, PROMPTS, max_tokens=40, seed=3)
    for i, prompt in enumerate(PROMPTS):
        alone = drawn(model, [prompt], max_tokens=40, seed=3, first=i)
        assert alone[0].tolist() == together[i].tolist()
    assert len({tuple(row) for row in together.tolist()}) == 3


def test_samples_are_reproducible_by_seed():
    model = Recurrent()
    one, same, other = (drawn(model, [[1], [1]], max_tokens=20, seed=seed) for seed in (1, 1, 2))
    assert one.tolist() == same.tolist() != other.tolist()
    assert one[0].tolist() != one[1].tolist()  # texts with one prompt are different texts
    longer = drawn(model, [[1], [1]], max_tokens=30, seed=1)
    assert longer[:, :20].tolist() == one.tolist()


def test_greedy_equals_reading_everything_anew():
    model = Reading()
    text = [1, 2]
    for _ in range(12):
        text.append(int(model.extend(torch.tensor([text]))[0][0, -1].argmax()))
    assert drawn(model, [[1, 2]], max_tokens=12, temperature=0)[0].tolist() == text[2:]


def test_beyond_max_len_the_last_half_is_read_anew():
    model = Reading(max_len=8)
    text = drawn(model, [[1]], max_tokens=30, temperature=0)[0]
    whole, seen = [1], 1
    for expected in text:
        assert int(model.extend(torch.tensor([whole[-seen:]]))[0][0, -1].argmax()) == expected
        whole.append(int(expected))
        seen = seen + 1 if seen < 8 else 4
    model.reads = 0
    drawn(model, [[1]], max_tokens=80)
    assert model.reads == 1 + 15  # the first at 9 tokens, then every 5th


def test_of_a_long_prompt_the_end_is_read():
    model = Reading(max_len=8)
    long, short = list(range(10)) * 3, (list(range(10)) * 3)[-8:]
    assert drawn(model, [long], max_tokens=9).tolist() == drawn(model, [short], max_tokens=9).tolist()


def test_ids_that_stop_are_the_last_of_their_text():
    model = Reading()
    free = drawn(model, PROMPTS, max_tokens=60, seed=3)
    stopped = drawn(model, PROMPTS, max_tokens=60, seed=3, stop={0, 4})
    ends = [next(j for j, i in enumerate(row) if i in (0, 4)) for row in free.tolist()]
    assert stopped.shape[1] == max(ends) + 1 < 60
    for row, all_of_it, end in zip(stopped, free, ends, strict=True):
        assert row[: end + 1].tolist() == all_of_it[: end + 1].tolist()
        assert (row[end + 1 :] == -1).all()


def test_nothing_is_drawn_before_it_is_asked_for():
    steps = generate(Reading(), [[1]], max_tokens=10**6)
    assert next(steps).shape == (1,)


def test_what_cannot_be_drawn_is_refused_at_once():
    with pytest.raises(InputError, match="a prompt without a token"):
        generate(Reading(), [[1], []], max_tokens=5)
    with pytest.raises(InputError, match="top_k = 0"):
        generate(Reading(), [[1]], max_tokens=5, top_k=0)
    with pytest.raises(InputError, match="training mode"):
        generate(Reading().train(), [[1]], max_tokens=5)


def test_no_tokens_are_no_steps():
    assert list(generate(Reading(), [[1]], max_tokens=0)) == []
