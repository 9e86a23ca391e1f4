"""What is named as DATA and is no data set."""

import os
import socket
from pathlib import Path

from tests.bad_input.cases import case
from tests.bad_input.ground import LABELS, Ground, picture, train


@case(2, "ctas", "did you mean 'cats'?")
def missing_data(g: Ground) -> list[str]:
    g.classes("cats")
    return train("ctas")


@case(2, "cifar11", "did you mean 'cifar10'?")
def misspelt_standard_set(g: Ground) -> list[str]:
    return train("cifar11")


@case(2, "cifar100", "--download")
def standard_set_that_is_not_here(g: Ground) -> list[str]:
    return train("cifar100")


@case(2, "runs/digits-9", "no such file or folder", "--download")
def start_that_is_not_here(g: Ground) -> list[str]:
    return train(g.classes(), "--from", "runs/digits-9")


@case(2, "timm/vit_tiny_patch16_224.augreg_in21k", "--download", "import-weights FOLDER --out MODEL")
def weights_of_the_hub_that_are_not_here(g: Ground) -> list[str]:
    return ["import-weights", "timm/vit_tiny_patch16_224.augreg_in21k", "--out", "m.safetensors"]


@case(2, "pipe", "neither a folder nor a file")
def data_is_a_fifo(g: Ground) -> list[str]:
    os.mkfifo("pipe")
    return train("pipe")


@case(2, "plug", "neither a folder nor a file")
def data_is_a_socket(g: Ground) -> list[str]:
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind("plug")
    return train("plug")


@case(2, "/dev/zero", "neither a folder nor a file")
def data_is_a_device(g: Ground) -> list[str]:
    return train("/dev/zero")


@case(2, "loop", "Too many levels|symbolic links")
def data_is_a_link_to_itself(g: Ground) -> list[str]:
    os.symlink("loop", "loop")
    return train("loop")


@case(2, "x.png", "one picture, not a data set")
def data_is_one_picture(g: Ground) -> list[str]:
    g.write("x.png", picture(0))
    return train("x.png")


@case(2, "x.pdf", "not a data set")
def data_is_a_document(g: Ground) -> list[str]:
    g.write("x.pdf", b"%PDF-1.7 ...")
    return train("x.pdf")


@case(2, "d.zip", "empty file, zero bytes")
def data_is_an_empty_file(g: Ground) -> list[str]:
    g.write("d.zip", b"")
    return train("d.zip")


@case(2, "", "no data named")
def data_without_a_name(g: Ground) -> list[str]:
    return train("")


@case(2, "d", "no pictures found", "it is empty")
def empty_folder(g: Ground) -> list[str]:
    Path("d").mkdir()
    return train()


@case(2, "d", "no pictures found", "notes.pdf")
def folder_without_pictures(g: Ground) -> list[str]:
    g.write("d/notes.pdf", "hello")
    return train()


@case(2, "d", "5 characters are too few", "read as text", "notes.txt", "no pictures")
def folder_with_a_note_instead_of_pictures(g: Ground) -> list[str]:
    g.write("d/notes.txt", "hello")
    return train()


@case(2, "gpt2", "model of text", "--model")
def a_model_of_text_for_pictures(g: Ground) -> list[str]:
    return ["train", "digits", "--model", "gpt2", "--steps", "1"]


@case(2, "d.txt", "not UTF-8", "byte 400", "--bytes")
def text_of_another_encoding(g: Ground) -> list[str]:
    g.write("d.txt", b"a" * 400 + "\xe9".encode("latin-1"))
    return ["train", "d.txt"]


@case(2, "d.csv", "no column", "source", "target")
def pairs_without_a_column(g: Ground) -> list[str]:
    g.write("d.csv", "text,label\na,b\n")
    return ["train", "d.csv", "--task", "seq2seq"]


@case(2, "d.csv, line 3", "no target")
def pair_without_a_target(g: Ground) -> list[str]:
    g.write("d.csv", "source,target\na,b\nc,\n")
    return ["train", "d.csv"]


@case(2, "d", "8 pictures but no class folders", "<class>/<picture>")
def pictures_without_classes(g: Ground) -> list[str]:
    for i in range(8):
        g.write(f"d/{i}.png", picture(i))
    return train()


@case(2, "d", "only one class", "cat")
def one_class(g: Ground) -> list[str]:
    return train(g.classes(labels=("cat",)))


@case(2, "d", "no class has two pictures", "add pictures of each class")
def one_picture_a_class(g: Ground) -> list[str]:
    return train(g.classes(n=1))


@case(2, "d", "class 'bird' occurs only in test")
def class_only_in_test(g: Ground) -> list[str]:
    g.classes("d/train")
    g.classes("d/test", n=3, seed=5000, labels=(*LABELS, "bird"))
    return train()


@case(2, "d", "only test, nothing to train on")
def train_split_missing(g: Ground) -> list[str]:
    return train(str(Path(g.classes("d/test")).parent))


@case(2, "train/cat/0.png", "the same picture is in test", "--leaks drop")
def leak_between_train_and_test(g: Ground) -> list[str]:
    g.classes("d/train")
    g.classes("d/test", n=3, seed=5000)
    g.write("d/test/cat/copy.png", Path("d/train/cat/0.png").read_bytes())
    return train()


@case(2, "d", "boxes for object detection")
def set_of_another_task(g: Ground) -> list[str]:
    g.write("d/images/train/0.png", picture(0))
    g.write("d/labels/train/0.txt", "0 0.5 0.5 0.1 0.1")
    return train()


@case(2, "d", "task regress", "manifest.csv")
def class_folders_for_regression(g: Ground) -> list[str]:
    return train(g.classes(), "--task", "regress")
