"""Model files, and what is asked of them."""

import errno
import os
import pickle
from pathlib import Path
from typing import Any

import torch
from tests.bad_input.cases import case
from tests.bad_input.ground import LABELS, Ground, picture
from tests.bad_input.pictures import all_pictures_unreadable

from smalti.modelfile import FORMAT


@case(2, "nowhere.safetensors", "does not exist")
def missing_model(g: Ground) -> list[str]:
    return ["predict", "nowhere.safetensors", "x.png"]


@case(2, "d", "without a model.safetensors")
def model_is_a_folder_without_one(g: Ground) -> list[str]:
    return ["predict", g.classes(), "d"]


@case(2, "r", "holds no finished model", "smalti train --resume r")
def model_is_an_unfinished_run(g: Ground) -> list[str]:
    return ["evaluate", g.run(), g.classes()]


@case(2, "pipe", "not a regular file")
def model_is_a_fifo(g: Ground) -> list[str]:
    os.mkfifo("pipe")
    return ["predict", "pipe", "x.png"]


@case(2, "loop", "does not exist|cannot be read")
def model_is_a_link_to_itself(g: Ground) -> list[str]:
    os.symlink("loop", "loop")
    return ["predict", "loop", "x.png"]


@case(2, "m.safetensors", "cannot be read", "Permission denied")
def unreadable_model(g: Ground) -> list[str]:
    g.model()

    def refuse(path: Any, *args: Any, **kwargs: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    g.patch.setattr("smalti.modelfile.open", refuse, raising=False)
    return ["predict", "m.safetensors", "x.png"]


@case(2, "m.pt", "PyTorch pickle", "can run any code", "model.safetensors")
def pickle_as_a_model(g: Ground) -> list[str]:
    torch.save({"w": torch.zeros(2)}, "m.pt")
    return ["predict", "m.pt", "x.png"]


@case(2, "m.pth", "PyTorch pickle")
def old_pickle_as_a_model(g: Ground) -> list[str]:
    torch.save({"w": torch.zeros(2)}, "m.pth", _use_new_zipfile_serialization=False)
    return ["predict", "m.pth", "x.png"]


@case(2, "m.pkl", "another kind of file", "model.safetensors")
def pickle_of_the_first_protocol_as_a_model(g: Ground) -> list[str]:
    g.write("m.pkl", pickle.dumps({"w": [1.0]}, protocol=0))
    return ["predict", "m.pkl", "x.png"]


@case(2, "x.png", "another kind of file", "model.safetensors")
def picture_as_a_model(g: Ground) -> list[str]:
    g.write("x.png", picture(0))
    return ["predict", "x.png", "x.png"]


@case(2, "w.safetensors", "not a smalti model file")
def weights_of_another_program(g: Ground) -> list[str]:
    from safetensors.torch import save_file

    save_file({"w": torch.zeros(2)}, "w.safetensors")
    return ["predict", "w.safetensors", "x.png"]


@case(3, "m.safetensors", "not a readable model file", "again")
def empty_model(g: Ground) -> list[str]:
    g.write("m.safetensors", b"")
    return ["predict", "m.safetensors", "x.png"]


for _share in (0.0002, 0.01, 0.2, 0.99):

    def _cut(g: Ground, share: float = _share) -> list[str]:
        return ["predict", g.cut(g.model(), share), "x.png"]

    _cut.__name__ = f"model_cut_at_{_share}"
    case(3, "m.safetensors", "not a readable model file", "again")(_cut)


@case(3, "m.safetensors", "not a readable model file")
def model_with_a_flipped_bit_in_its_length(g: Ground) -> list[str]:
    return ["predict", g.damage(g.model(), 0.0), "x.png"]


@case(3, "m.safetensors", "checksum")
def model_with_a_flipped_bit_in_its_labels(g: Ground) -> list[str]:
    content = Path(g.model()).read_bytes()
    assert content.count(b'\\"cat\\"') == 1
    Path("m.safetensors").write_bytes(content.replace(b'\\"cat\\"', b'\\"caw\\"'))
    return ["predict", "m.safetensors", "x.png"]


@case(3, "m.safetensors", "checksum")
def model_with_a_flipped_bit_in_its_preprocessing(g: Ground) -> list[str]:
    content = Path(g.model()).read_bytes()
    assert b"[0.25, 0.25, 0.25]" in content
    Path("m.safetensors").write_bytes(content.replace(b"[0.25, 0.25, 0.25]", b"[0.25, 0.25, 0.21]"))
    return ["predict", "m.safetensors", "x.png"]


@case(3, "m.safetensors", "checksum")
def model_with_a_flipped_bit_in_its_weights(g: Ground) -> list[str]:
    return ["predict", g.damage(g.model(), 0.9), "x.png"]


@case(3, "m.safetensors", f"format {FORMAT + 1}", f"up to {FORMAT}", "use a newer smalti")
def model_of_a_newer_format(g: Ground) -> list[str]:
    return ["predict", g.edited_model(lambda about: about.update(version=FORMAT + 1)), "x.png"]


@case(3, "m.safetensors", "metadata cannot be read")
def model_whose_version_is_no_number(g: Ground) -> list[str]:
    return ["predict", g.edited_model(lambda about: about.update(version="new")), "x.png"]


@case(3, "m.safetensors", "lacks labels, preprocess")
def model_without_labels(g: Ground) -> list[str]:
    return ["predict", g.edited_model(lambda about: [about.pop(key) for key in ("labels", "preprocess")]), "x.png"]


@case(2, "d", "'bird'|bird", "cat, dog")
def evaluate_on_unknown_labels(g: Ground) -> list[str]:
    return ["evaluate", g.model(), g.classes(labels=(*LABELS, "bird"))]


@case(2, "d", "labels are unknown to the model", "cat, dog")
def evaluate_on_another_task(g: Ground) -> list[str]:
    return ["evaluate", g.model(), g.manifest("path,target\n" + "".join(f"{i}.png,{i}.5\n" for i in range(8)))]


@case(2, "d", "cat/0.png|unreadable|read")
def evaluate_on_nothing_readable(g: Ground) -> list[str]:
    all_pictures_unreadable(g)
    return ["evaluate", g.model(), "d"]


@case(2, "--split", "most")
def evaluate_on_an_unknown_split(g: Ground) -> list[str]:
    return ["evaluate", g.model(), g.classes(), "--split", "most"]


@case(74, "nowhere/report.html", "No such file or directory", leaves=False)
def report_into_a_missing_folder(g: Ground) -> list[str]:
    return ["evaluate", g.model(), g.classes(n=20), "--report", "nowhere/report.html"]


@case(74, "d", "a folder")
def report_over_a_folder(g: Ground) -> list[str]:
    return ["evaluate", g.model(), g.classes(n=20), "--report", "d"]


@case(2, "--top", "0")
def predict_of_no_labels(g: Ground) -> list[str]:
    return ["predict", g.model(), g.classes(), "--top", "0"]


@case(2, "--batch-size", "0")
def predict_in_batches_of_nothing(g: Ground) -> list[str]:
    return ["predict", g.model(), g.classes(), "--batch-size", "0"]


@case(2, "e", "no pictures found")
def predict_on_an_empty_folder(g: Ground) -> list[str]:
    Path("e").mkdir()
    return ["predict", g.model(), "e"]
