"""Attention maps are those of the own pass, or there is a word why there are none."""

import threading

import pytest
import torch
from torch import Tensor

from smalti.errors import InputError
from smalti.models import create_model
from smalti.nn import attention_maps, merge_tokens


def test_another_threads_passes_are_not_watched():
    torch.manual_seed(0)
    model, images = create_model("vit_nano_patch4_32").eval(), torch.randn(2, 3, 32, 32)

    @torch.no_grad()
    def other() -> None:
        model(images[1:])

    with torch.no_grad(), attention_maps(model) as maps:
        model(images[:1])
        before = {name: one.clone() for name, one in maps.items()}
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        for name, one in maps.items():
            torch.testing.assert_close(one, before[name], rtol=0, atol=0)


def test_maps_in_many_threads_are_each_ones_own():
    torch.manual_seed(0)
    model, images = create_model("vit_nano_patch4_32", depth=2).eval(), torch.randn(4, 1, 3, 32, 32)

    @torch.no_grad()
    def last(x: Tensor) -> Tensor:
        with attention_maps(model) as maps:
            model(x)
        return maps["blocks.1.attn"]

    expected, found = [last(one) for one in images], dict[int, list[Tensor]]()

    def work(number: int) -> None:
        found[number] = [last(images[number]) for _ in range(10)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, 1, 2, 3]  # none ended in an error
    for number, maps in found.items():
        for one in maps:
            torch.testing.assert_close(one, expected[number])


REFUSED = {
    "without attention": (lambda: create_model("cnn_small_32"), "has no attention"),
    "merging": (lambda: merge_tokens(create_model("vit_nano_patch4_32").eval(), 2), "merges tokens"),
    "compiled": (lambda: torch.compile(create_model("vit_nano_patch4_32")), r"compiled.*_orig_mod"),
}


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # by importing torch's compiler
@pytest.mark.parametrize("kind", REFUSED)
def test_a_model_that_would_give_none_is_refused(kind: str):
    make, said = REFUSED[kind]
    with pytest.raises(InputError, match=said), attention_maps(make()):
        pass
