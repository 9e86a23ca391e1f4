import torch
from torch import nn

from smalti.objectives import TargetToken, token_loss


def test_the_target_is_judged_given_source_and_what_came_before():
    torch.manual_seed(0)
    read, write, head = nn.Embedding(9, 4), nn.Embedding(9, 4), nn.Linear(4, 9)

    def model(source, tokens):
        return head(read(source.clamp(min=0)).mean(1, keepdim=True) + write(tokens.clamp(min=0)))

    batch = {
        "source": torch.tensor([[1, 2, -1], [3, 4, 5]]),
        "tokens": torch.tensor([[7, 1, 2], [7, 3, -1]]),
        "target": torch.tensor([[1, 2, 8], [3, 8, -1]]),
    }
    loss, metrics = TargetToken()(model, batch)
    torch.testing.assert_close((loss, metrics), token_loss(model(batch["source"], batch["tokens"]), batch["target"]))
    grown = {name: nn.functional.pad(tensor, (0, 2), value=-1) for name, tensor in batch.items() if name != "source"}
    torch.testing.assert_close(TargetToken()(model, {**batch, **grown})[0], loss)
