import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smalti.data.mixing import MixConfig, cutmix, mix, mixup, soft_targets
from smalti.errors import InputError

K = 4


def batch(n=8, side=(12, 10)):
    """Picture i holds the value i everywhere, and is of class i mod K."""
    image = torch.arange(n, dtype=torch.float32)[:, None, None, None].expand(n, 3, *side).clone()
    return {"image": image, "target": torch.arange(n) % K, "id": torch.arange(n) + 100}


def mixed(config, seed=0, step=0, source=None):
    return mix(source or batch(), config, num_classes=K, seed=seed, step=step)


class TestMixup:
    def test_pictures_and_targets_have_the_same_shares(self):
        for step in range(20):
            done = mixed(MixConfig(mixup=1.0), step=step)
            assert torch.equal(done["image"], done["image"][:, :1, :1, :1].expand_as(done["image"]))
            # With one-hot of the picture number as the target, the target must predict the mixed value.
            whole = {**batch(), "target": torch.eye(8)}
            again = mix(whole, MixConfig(mixup=1.0), num_classes=8, seed=0, step=step)
            value = again["target"] @ torch.arange(8.0)
            torch.testing.assert_close(again["image"][:, 0, 0, 0], value, atol=1e-5, rtol=0)

    def test_share_one_is_the_identity(self):
        x = batch()["image"]
        assert torch.equal(mixup(x, torch.arange(8).flip(0), 1.0), x)

    def test_shares_follow_the_beta_distribution(self):
        alpha = 0.3
        shares = []
        for step in range(1500):
            two = {"image": torch.tensor([0.0, 1.0]).view(2, 1, 1, 1), "target": torch.tensor([0, 1])}
            done = mix(two, MixConfig(mixup=alpha), num_classes=2, seed=0, step=step)
            shares.append(done["target"][0, 0].item())
        shares = np.array(shares)  # half of the permutations mix nothing
        unmixed = (shares == 1).mean()
        assert abs(unmixed - 0.5) < 0.06
        seen = shares[shares < 1]
        assert abs(seen.mean() - 0.5) < 0.06
        assert abs(seen.var() - 1 / (4 * (2 * alpha + 1))) < 0.02


class TestCutmix:
    def test_targets_have_the_share_of_pixels(self):
        for step in range(20):
            whole = {**batch(), "target": torch.eye(8)}
            done = mix(whole, MixConfig(cutmix=1.0), num_classes=8, seed=0, step=step)
            for i, (image, target) in enumerate(zip(done["image"], done["target"], strict=True)):
                own = (image[0] == i).float().mean()
                assert target[i] == pytest.approx(own.item(), abs=1e-6)
                assert set(image.unique().tolist()) <= set(target.nonzero()[:, 0].tolist())

    @given(
        st.floats(0, 1),
        st.floats(0, 1, exclude_max=True),
        st.floats(0, 1, exclude_max=True),
        st.tuples(st.integers(1, 20), st.integers(1, 20)),
    )
    def test_the_share_is_exact_for_any_box(self, share, y, x, side):
        images = torch.stack([torch.zeros(2, *side), torch.ones(2, *side)])
        done, kept = cutmix(images, torch.tensor([1, 0]), share, (y, x))
        assert (1 - done[0]).mean().item() == pytest.approx(kept, abs=1e-6)
        assert done[1].mean().item() == pytest.approx(kept, abs=1e-6)
        assert 0 <= kept <= 1

    def test_a_centred_box_has_the_wanted_area(self):
        images = torch.stack([torch.zeros(1, 100, 100), torch.ones(1, 100, 100)])
        assert cutmix(images, torch.tensor([1, 0]), 0.75, (0.5, 0.5))[1] == 0.75
        assert cutmix(images, torch.tensor([1, 0]), 0.0, (0.5, 0.5))[1] == 0.0
        assert cutmix(images, torch.tensor([1, 0]), 1.0, (0.5, 0.5))[1] == 1.0


class TestMix:
    @given(st.integers(0, 2**40), st.integers(0, 10**6), st.sampled_from([(0.2, 0.0), (0.0, 1.0), (0.8, 1.0)]))
    def test_label_sums_are_one_and_the_rest_stays(self, seed, step, alphas):
        source = batch()
        done = mix(source, MixConfig(*alphas), num_classes=K, seed=seed, step=step)
        assert done["target"].shape == (8, K)
        assert done["target"].dtype == done["image"].dtype == torch.float32
        torch.testing.assert_close(done["target"].sum(1), torch.ones(8))
        assert (done["target"] >= 0).all()
        assert torch.equal(done["id"], source["id"])
        assert torch.equal(source["image"], batch()["image"])

    def test_pure_in_seed_and_step(self):
        config = MixConfig(mixup=0.8, cutmix=1.0)
        states = torch.get_rng_state(), np.random.get_state()[1].copy()
        first = mixed(config, 3, 7)
        torch.rand(5)
        torch.set_rng_state(states[0])
        again = mixed(config, 3, 7)
        assert torch.equal(first["image"], again["image"])
        assert torch.equal(first["target"], again["target"])
        assert not torch.equal(first["image"], mixed(config, 3, 8)["image"])
        assert not torch.equal(first["image"], mixed(config, 4, 7)["image"])
        assert torch.equal(states[0], torch.get_rng_state())
        assert np.array_equal(states[1], np.random.get_state()[1])

    def test_both_given_takes_turns_by_a_fair_coin(self):
        config = MixConfig(mixup=1.0, cutmix=1.0)
        blended = [bool((mixed(config, step=s)["image"] % 1 != 0).any()) for s in range(400)]
        assert abs(np.mean(blended) - 0.5) < 0.08

    def test_both_keep_their_own_alphas(self):
        alphas = (8.0, 0.2), (8.0, 0.0), (0.0, 0.2)
        for step in range(20):
            both, blended, cut = (mixed(MixConfig(*two), step=step)["image"] for two in alphas)
            assert torch.equal(both, blended) or torch.equal(both, cut)

    def test_prob_is_the_share_of_mixed_batches(self):
        source = batch()
        changed = [
            not torch.equal(mixed(MixConfig(mixup=1.0, prob=0.3), step=s)["image"], source["image"]) for s in range(500)
        ]
        assert abs(np.mean(changed) - 0.3) < 0.06

    @pytest.mark.parametrize("config", [MixConfig(), MixConfig(mixup=1.0, prob=0.0)])
    def test_unmixed_batches_have_soft_targets_too(self, config):
        done = mixed(config)
        assert torch.equal(done["image"], batch()["image"])
        assert torch.equal(done["target"], torch.eye(K)[batch()["target"]])

    def test_multilabel_targets_are_mixed_as_they_are(self):
        labels = torch.tensor([[1.0, 1, 0, 1], [0, 0, 0, 0]]).repeat(4, 1)
        done = mixed(MixConfig(mixup=1.0), source={**batch(), "target": labels})
        assert (done["target"][:, 2] == 0).all()
        torch.testing.assert_close(done["target"][:, 0], done["target"][:, 3])
        assert ((done["target"][:, 0] > 0) & (done["target"][:, 0] < 1)).any()

    @pytest.mark.parametrize("targets", [torch.zeros(8), torch.zeros(8, K + 1), torch.zeros(8, 2, 2)])
    def test_other_targets_are_refused(self, targets):
        with pytest.raises(ValueError, match="neither"):
            soft_targets(targets, K)

    @pytest.mark.parametrize(
        "config", [{"mixup": -0.1}, {"cutmix": float("nan")}, {"mixup": float("inf")}, {"prob": 2}]
    )
    def test_values_out_of_range_are_refused(self, config):
        with pytest.raises(InputError, match=next(iter(config))):
            MixConfig(**config)
