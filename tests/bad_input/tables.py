"""Manifests, arrays and pickles."""

import os
import pickle
import struct
from typing import Any

import numpy as np
from tests.bad_input.cases import case
from tests.bad_input.ground import Ground, train


@case(2, "d/manifest.csv, line 3", "nan", "finite|number")
def target_that_is_not_a_number(g: Ground) -> list[str]:
    return train(g.manifest("path,target\n0.png,1\n1.png,nan\n"))


@case(2, "d/manifest.csv, line 2", "inf")
def infinite_target(g: Ground) -> list[str]:
    return train(g.manifest("path,target\n0.png,-inf\n1.png,2\n"))


@case(2, "d/manifest.csv, line 3", "no|empty|blank")
def blank_target(g: Ground) -> list[str]:
    return train(g.manifest("path,target\n0.png,1\n1.png,\n"))


@case(2, "d/manifest.csv, line 3", "no|empty|blank")
def blank_label(g: Ground) -> list[str]:
    return train(g.manifest("path,label\n0.png,cat\n1.png,\n2.png,dog\n"))


@case(2, "d/manifest.csv, line 2", "4 values for 2 columns")
def ragged_manifest(g: Ground) -> list[str]:
    return train(g.manifest("path,label\n0.png,cat,dog,x\n1.png,dog\n"))


@case(2, "d/manifest.csv", "two columns are called 'label'")
def duplicate_columns(g: Ground) -> list[str]:
    return train(g.manifest("path,label,label\n0.png,cat,dog\n1.png,dog,cat\n"))


@case(2, "d", "manifest.csv has no path column|no path column")
def wrong_delimiter(g: Ground) -> list[str]:
    return train(g.manifest("path|label\n0.png|cat\n1.png|dog\n"))


@case(2, "d/manifest.csv", "not UTF-8")
def manifest_in_another_encoding(g: Ground) -> list[str]:
    g.manifest("")
    g.write("d/manifest.csv", "path,label\n0.png,käse\n".encode("latin-1"))
    return train()


@case(2, "d", "none of the 2 files named in the manifest exists", "gone.png")
def manifest_of_missing_files(g: Ground) -> list[str]:
    return train(g.manifest("path,label\ngone.png,cat\naway.png,dog\n"))


@case(2, "d/manifest.csv, line 2", "unknown split 'trian'", "did you mean 'train'?")
def unknown_split(g: Ground) -> list[str]:
    return train(g.manifest("path,label,split\n0.png,cat,trian\n1.png,dog,test\n"))


@case(2, "d/manifest.jsonl, line 2", "not JSON")
def broken_json_line(g: Ground) -> list[str]:
    return train(g.manifest('{"path": "0.png", "label": "cat"}\n{"path": \n', "d/manifest.jsonl"))


@case(2, "d/all.csv", "no column 'dxx'", "did you mean --column label=dx?")
def column_that_is_not_there(g: Ground) -> list[str]:
    g.manifest("image_id,dx\n0,cat\n1,dog\n", "d/all.csv")
    return train("d/all.csv", "--column", "label=dxx")


@case(2, "--column", "'lable'", "did you mean label=dx?")
def column_without_a_meaning(g: Ground) -> list[str]:
    g.manifest("image_id,dx\n0,cat\n1,dog\n", "d/all.csv")
    return train("d/all.csv", "--column", "lable=dx")


@case(2, "--column dx", "MEANING=NAME", "label=diagnosis")
def column_that_means_nothing(g: Ground) -> list[str]:
    return train(g.classes(), "--column", "dx")


@case(2, "--column", "one meaning to two columns")
def two_columns_for_one_meaning(g: Ground) -> list[str]:
    return train(g.classes(), "--column", "label=dx", "--column", "label=age")


@case(2, "d", "--column is about a table")
def column_of_class_folders(g: Ground) -> list[str]:
    return train(g.classes(), "--column", "label=dx")


@case(2, "d.txt", "--column is about a table")
def column_of_a_text(g: Ground) -> list[str]:
    g.write("d.txt", "a text of some length\n" * 99)
    return ["train", "d.txt", "--steps", "1", "--column", "text=a"]


@case(2, "d/all.csv", "image_id, dx, sex", "--column label=dx")
def table_with_two_columns_for_an_answer(g: Ground) -> list[str]:
    g.manifest("image_id,dx,sex\n" + "".join(f"{i},{i % 2},f\n" for i in range(8)), "d/all.csv")
    return train("d/all.csv")


@case(2, "manifest.csv, line 2", "leads out of the archive")
def manifest_that_leads_out_of_its_archive(g: Ground) -> list[str]:
    return train(g.zip(extra={"manifest.csv": b"path,label\n../../etc/passwd,cat\n"}))


@case(2, "c/data_batch_1", "it asks for posix.system|os.system|nt.system", "never|harm")
def pickle_with_code_as_cifar_batch(g: Ground) -> list[str]:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, ("touch trapped",)

    g.write("c/batches.meta", pickle.dumps({b"label_names": [b"cat", b"dog"]}))
    for number in range(1, 6):
        g.write(f"c/data_batch_{number}", pickle.dumps({b"data": Trap(), b"labels": [0]}))
    g.write("c/test_batch", pickle.dumps({b"data": Trap(), b"labels": [0]}))
    return train("c")


@case(2, "d.npz", "Python objects", "never loaded")
def npz_of_objects(g: Ground) -> list[str]:
    np.savez("d.npz", images=np.array([{}, {}], dtype=object), labels=np.arange(2))
    return train("d.npz")


@case(2, "d.npz", "cannot be read as .npz|damaged")
def truncated_npz(g: Ground) -> list[str]:
    np.savez("d.npz", images=np.zeros((4, 8, 8), np.uint8), labels=np.arange(4))
    return train(g.cut("d.npz"))


@case(2, "d.npz", "not finite")
def nan_target_in_an_array(g: Ground) -> list[str]:
    np.savez("d.npz", images=np.zeros((4, 8, 8), np.uint8), labels=np.array([1.0, 2.0, np.nan, 3.0]))
    return train("d.npz")


@case(2, "test/00000", "5 channels where 3 are expected")
def splits_of_different_channels(g: Ground) -> list[str]:
    rng = np.random.default_rng(0)
    arrays = {"train": (40, 8, 8, 3), "test": (8, 8, 8, 5)}
    pictures = {f"{split}_images": rng.integers(0, 255, shape, np.uint8) for split, shape in arrays.items()}
    labels = {f"{split}_labels": np.arange(shape[0]) % 2 for split, shape in arrays.items()}
    np.savez("d.npz", **pictures, **labels)
    return train("d.npz")


@case(2, "train-images-idx3-ubyte", "cut short|bytes|damaged")
def truncated_idx(g: Ground) -> list[str]:
    g.write("d/train-images-idx3-ubyte", struct.pack(">IIII", 2051, 10, 8, 8) + bytes(100))
    g.write("d/train-labels-idx1-ubyte", struct.pack(">II", 2049, 10) + bytes(10))
    return train()
