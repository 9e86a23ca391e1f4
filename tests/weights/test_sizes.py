"""The sizes that a config.json of transformers says."""

from smalti.weights.huggingface import sizes_of


def test_a_share_of_the_width_is_left_to_the_stages_which_round_for_themselves():
    told = {"embed_dim": 24, "depths": [1, 1], "num_heads": [2, 4], "patch_size": 4, "window_size": 4, "mlp_ratio": 2.7}
    found = sizes_of({"model_type": "swin", **told})
    assert found is not None
    assert found[1]["mlp_ratio"] == 2.7
    one = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "patch_size": 4, "image_size": 32}
    found = sizes_of({"model_type": "vit", **one, "intermediate_size": 65})
    assert found is not None
    assert int(24 * found[1]["mlp_ratio"]) == 65
