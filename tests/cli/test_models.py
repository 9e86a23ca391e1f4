import json

import pytest

from smalti.cli import run


def test_json_is_one_preset_a_line_with_the_published_sizes(capsys: pytest.CaptureFixture[str]):
    assert run(["models", "vit_base_patch16_224", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["name"] == "vit_base_patch16_224"
    assert described["parameters"] == 86_567_656
    assert described["tokens"] == 197
    assert described["macs"] == pytest.approx(17.58e9, rel=0.01)  # as published: 17.6 G multiply-adds


def test_a_pattern_chooses_and_people_get_a_table(capsys: pytest.CaptureFixture[str]):
    assert run(["models", "vit_tiny*"]) == 0
    out = capsys.readouterr().out
    assert "vit_tiny_patch16_224" in out
    assert "vit_base" not in out


def test_every_family_is_listed(capsys: pytest.CaptureFixture[str]):
    assert run(["models", "*_32", "--json"]) == 0
    described = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {one["name"].split("_")[0] for one in described} == {"vit", "cct", "swin", "swinv2", "cnn"}
    assert all(one["parameters"] > 0 and one["macs"] > 0 for one in described)
    assert all((one["tokens"] == 0) == one["name"].startswith("cnn") for one in described)


def test_a_pattern_that_matches_nothing_is_refused(capsys: pytest.CaptureFixture[str]):
    assert run(["models", "resnet*"]) == 2
    assert "resnet*" in capsys.readouterr().err
