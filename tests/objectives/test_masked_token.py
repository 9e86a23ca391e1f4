import pytest
import torch
from torch import nn

from smalti.errors import InputError
from smalti.objectives import MaskedToken, hide, token_loss

V, MASK = 50, 50


class Around(nn.Module):
    """Answers from the tokens and their neighbours."""

    def __init__(self):
        super().__init__()
        self.embed, self.mix, self.head = nn.Embedding(V + 1, 8), nn.Conv1d(8, 8, 3, padding=1), nn.Linear(8, V)
        self.asked = 0

    def forward_features(self, tokens):
        return self.mix(self.embed(tokens.clamp(min=0)).mT).mT

    def forward_head(self, x):
        self.asked = x[..., 0].numel()
        return self.head(x)

    def forward(self, tokens):
        return self.forward_head(self.forward_features(tokens))


def test_of_the_masked_80_percent_are_hidden_10_replaced_10_kept():
    torch.manual_seed(0)
    tokens = torch.randint(0, V, (200, 500))
    tokens[:, ::10] = -1
    tokens[:, 1::10] = V + 3  # special
    shown, masked = hide(tokens, torch.rand(200, 500, 3), MASK, V, 0.15)
    assert torch.equal(shown[~masked], tokens[~masked])
    assert not masked[:, ::10].any()
    assert not masked[:, 1::10].any()
    n = masked.sum().item()
    assert n / (200 * 400) == pytest.approx(0.15, abs=0.005)
    hidden, kept = (shown == MASK) & masked, (shown == tokens) & masked
    assert hidden.sum().item() / n == pytest.approx(0.8, abs=0.015)
    assert kept.sum().item() / n == pytest.approx(0.1 + 0.1 / V, abs=0.015)
    others = shown[masked & ~hidden & ~kept]
    assert set(others.tolist()) == set(range(V))


def test_the_loss_is_over_the_hidden_tokens_alone():
    torch.manual_seed(0)
    model, tokens = Around(), torch.randint(0, V, (4, 60))
    torch.manual_seed(1)
    loss, metrics = MaskedToken(MASK, V)(model, {"tokens": tokens})
    torch.manual_seed(1)
    shown, masked = hide(tokens, torch.rand(4, 60, 3), MASK, V, 0.15)
    assert model.asked == masked.sum()  # the head was computed where needed
    expected = token_loss(model(shown), tokens.masked_fill(~masked, -1))
    torch.testing.assert_close((loss, metrics), expected)


def test_a_model_that_is_only_a_function_gives_the_same():
    torch.manual_seed(0)
    model, batch = Around(), {"tokens": torch.randint(0, V, (4, 60))}
    losses = []
    for asked in (model, lambda tokens: model(tokens)):
        torch.manual_seed(1)
        losses.append(MaskedToken(MASK, V)(asked, batch)[0])
    torch.testing.assert_close(*losses)


def test_nothing_hidden_costs_nothing():
    loss, _ = MaskedToken(MASK, V)(Around(), {"tokens": torch.full((2, 3), -1)})
    loss.backward()
    assert loss.item() == 0


@pytest.mark.parametrize("share", [0, 1.5])
def test_a_share_is_one(share):
    with pytest.raises(InputError, match="share"):
        MaskedToken(MASK, V, share)
