"""The sizes that a config.json of transformers says."""

import pytest

from smalti.weights import options_from_huggingface
from smalti.weights.huggingface import ratio_of, sizes_of


def test_a_share_of_the_width_is_left_to_the_stages_which_round_for_themselves():
    told = {"embed_dim": 24, "depths": [1, 1], "num_heads": [2, 4], "patch_size": 4, "window_size": 4, "mlp_ratio": 2.7}
    found = sizes_of({"model_type": "swin", **told})
    assert found is not None
    assert found[1]["mlp_ratio"] == 2.7
    one = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "patch_size": 4, "image_size": 32}
    found = sizes_of({"model_type": "vit", **one, "intermediate_size": 65})
    assert found is not None
    assert int(24 * found[1]["mlp_ratio"]) == 65


def test_widths_of_mlps_come_out_as_they_are_said():
    for width in range(8, 512, 8):
        for inner in (width + 1, 3 * width - 1, 4 * width + 8):
            assert int(width * ratio_of(inner, width)) == inner


@pytest.mark.parametrize(
    ("told", "windows"),
    [
        ({"pretrained_window_sizes": [0] * 4}, (8, 8, 8, 7)),
        ({"pretrained_window_sizes": [12, 12, 12, 6]}, (12, 12, 12, 6)),
    ],
)
def test_a_folder_of_transformers_says_the_windows_of_a_swin_v2(told, windows):
    about = {"model_type": "swinv2", "image_size": 224, "patch_size": 4, "window_size": 8, "depths": [2, 2, 6, 2]}
    assert options_from_huggingface({**about, **told})["trained_windows"] == windows
    assert "trained_windows" not in options_from_huggingface({"model_type": "swinv2"})
