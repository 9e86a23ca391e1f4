"""The target of a source, with several beginnings of it followed at once: beam search."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smalti.configs import demand
from smalti.sample.autoregressive import require_evaluation
from smalti.sample.translate import Translator, longest_target

__all__ = ["beam_search"]

Ended = list[tuple[float, list[int]]]  # mean log-probability and ids, best first


@torch.inference_mode()
def beam_search(
    model: Translator, source: Tensor, *, start: int, end: int, max_tokens: int, beams: int
) -> list[NDArray[np.int64]]:
    """As `translate`, but of all targets found the one whose tokens, its end among them, are likeliest on average; one
    beam is `translate`.

    Of each source the `beams` likeliest beginnings are kept. Those that end among them are put aside, and the search
    is over when as many are there and no beginning is likelier, on average, than the least of them.

    Args:
        model: as in `translate`; its memory has `reorder(rows)`.
        source: B texts.
        start: the id a target begins behind.
        end: the id that ends it.
        max_tokens: as in `translate`.
        beams: 1 or more.
    """
    demand(beams >= 1, "beams", beams, "1 or more")
    require_evaluation(model)
    B = len(source)
    memory: Any = model.read(source.repeat_interleave(beams, 0))
    ids = source.new_full((B * beams,), start)
    said = source.new_empty(B, beams, 0)
    sums = torch.zeros(B, beams, dtype=torch.float64, device=source.device)
    sums[:, 1:] = -torch.inf  # all beams begin alike
    found: list[Ended] = [[] for _ in range(B)]
    live, first = set(range(B)), torch.arange(B, device=source.device)[:, None] * beams
    for length in range(1, longest_target(model, max_tokens) + 1):
        logits, memory = model.extend(ids[:, None], memory)
        V = logits.shape[-1]
        totals = sums[..., None] + logits[:, -1].double().log_softmax(-1).view(B, beams, V)
        ranked, places = totals.flatten(1).topk(2 * beams)  # of which `beams` at least go on: each ends in one way
        parents, news = places // V, places % V
        ends = news == end
        for b, rank in ends[:, :beams].nonzero().tolist():
            if b in live and ranked[b, rank] > -torch.inf:
                found[b].append((ranked[b, rank].item() / length, said[b, parents[b, rank]].tolist()))
        on = ends.int().argsort(dim=1, stable=True)[:, :beams]
        sums, parents, news = (x.gather(1, on) for x in (ranked, parents, news))
        said = torch.cat([said.gather(1, parents[..., None].expand_as(said)), news[..., None]], dim=-1)
        for b in tuple(live):
            found[b] = sorted(found[b], key=lambda one: -one[0])[:beams]
            if len(found[b]) == beams and sums[b, 0].item() / length <= found[b][-1][0]:
                live.remove(b)
        if not live:
            break
        ids, memory = news.flatten(), memory.reorder((first + parents).flatten())
    for b in live:  # cut off
        found[b] += [
            (total / max(1, said.shape[-1]), row) for total, row in zip(sums[b].tolist(), said[b].tolist(), strict=True)
        ]
    return [np.array(max(one, key=lambda ended: ended[0])[1], np.int64) for one in found]
