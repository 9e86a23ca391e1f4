"""Beam search finds what trying everything finds, and one beam is the greedy way."""

from itertools import product

import pytest
import torch

from smalti.errors import InputError
from smalti.models import create_model
from smalti.sample import beam_search, translate

V, START, END = 4, 2, 3
SOURCE = torch.tensor([[0, 1, 1], [1, 0, -1], [-1, -1, 1], [1, 1, 1]])
OPTIONS = {"start": START, "end": END}


def model(name: str, seed: int = 0, **options: object):
    torch.manual_seed(seed)
    sizes = {"embed_dim": 16, **({"max_len": 12, "num_heads": 2} if name == "seq2seq_mini" else {}), **options}
    made = create_model(name, vocab_size=V, **sizes).eval()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return made


@torch.no_grad()
def mean(made, source: torch.Tensor, target: tuple[int, ...]) -> float:
    logp = made(source[None], torch.tensor([[START, *target[:-1]]]))[0].double().log_softmax(-1)
    return logp[range(len(target)), target].mean().item()


@pytest.mark.parametrize("name", ["seq2seq_mini", "lstm_seq2seq_mini"])
def test_with_enough_beams_it_is_the_best_of_all_targets(name):
    made, longest = model(name), 4
    ordinary = [i for i in range(V) if i != END]
    targets = [(*body, END) for n in range(longest) for body in product(ordinary, repeat=n)]
    targets += list(product(ordinary, repeat=longest))  # cut off
    said = beam_search(made, SOURCE, max_tokens=longest, beams=len(targets), **OPTIONS)
    for source, row in zip(SOURCE, said, strict=True):
        best = max(targets, key=lambda target: mean(made, source, target))
        assert row.tolist() == [i for i in best if i != END]


@pytest.mark.parametrize("name", ["seq2seq_mini", "gru_seq2seq_mini"])
def test_one_beam_is_greedy(name):
    for seed in range(3):
        made = model(name, seed)
        greedy = translate(made, SOURCE, max_tokens=9, **OPTIONS)
        found = beam_search(made, SOURCE, max_tokens=9, beams=1, **OPTIONS)
        assert [row.tolist() for row in found] == [row.tolist() for row in greedy]


def test_a_target_does_not_depend_on_the_others_in_its_batch():
    made = model("seq2seq_mini")
    together = beam_search(made, SOURCE, max_tokens=20, beams=3, **OPTIONS)
    for source, row in zip(SOURCE, together, strict=True):
        (alone,) = beam_search(made, source[source >= 0][None], max_tokens=20, beams=3, **OPTIONS)
        assert row.tolist() == alone.tolist()


def test_more_beams_find_no_worse_a_target_here():
    made = model("seq2seq_mini", 1)
    for source in SOURCE:
        scores = []
        for beams in (1, 8):
            (row,) = beam_search(made, source[source >= 0][None], max_tokens=5, beams=beams, **OPTIONS)
            scores.append(mean(made, source[source >= 0], (*row.tolist(), *([END] if len(row) < 5 else []))))
        assert scores[1] >= scores[0] - 1e-9


def test_no_beam_is_refused():
    with pytest.raises(InputError, match="beams"):
        beam_search(model("seq2seq_mini"), SOURCE, max_tokens=3, beams=0, **OPTIONS)
