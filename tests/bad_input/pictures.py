"""Pictures that are none, or cannot be read."""

import os
from pathlib import Path

from tests.bad_input.cases import case
from tests.bad_input.ground import ESCAPE, Ground, big_header, picture, train


@case(2, "cat/0.png", "empty file, zero bytes", "--bad-images skip")
def zero_byte_picture(g: Ground) -> list[str]:
    g.classes()
    g.write("d/cat/0.png", b"")
    return train()


@case(2, "cat/0.jpg", "cut short|truncated|decoded", "--bad-images skip")
def truncated_jpeg(g: Ground) -> list[str]:
    g.classes()
    g.write("d/cat/0.jpg", picture(0, (64, 64), form="JPEG")[:900])
    return train()


@case(2, "cat/0.png", "cannot be decoded", "--bad-images skip")
def truncated_png(g: Ground) -> list[str]:
    g.classes()
    g.cut("d/cat/0.png")
    return train()


@case(2, "cat/0.png", "cannot be decoded", "--bad-images skip")
def flipped_bit_in_a_picture(g: Ground) -> list[str]:
    g.classes()
    g.damage("d/cat/0.png", 0.6)
    return train()


@case(2, "cat/0.png", "too large", "50 million")
def decompression_bomb(g: Ground) -> list[str]:
    g.classes()
    g.write("d/cat/0.png", big_header(60_000, 60_000))
    return train()


@case(2, "cat/0.jpg", "not a picture")
def text_named_as_a_picture(g: Ground) -> list[str]:
    g.classes()
    g.write("d/cat/0.jpg", "hello")
    return train()


@case(2, "cat/0.jpg", "a web page, not a picture")
def web_page_named_as_a_picture(g: Ground) -> list[str]:
    g.classes()
    g.write("d/cat/0.jpg", "<!DOCTYPE html><html>404</html>")
    return train()


@case(2, "cat/0.jpg", "Git LFS pointer", "git lfs pull")
def large_file_pointer(g: Ground) -> list[str]:
    g.classes()
    g.write("d/cat/0.jpg", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    return train()


@case(2, "cat/x.png", "Too many levels|symbolic links")
def link_to_itself(g: Ground) -> list[str]:
    g.classes()
    os.symlink("x.png", "d/cat/x.png")
    return train()


@case(2, "cat/x.png", "No such file")
def dangling_link(g: Ground) -> list[str]:
    g.classes()
    os.symlink("nowhere.png", "d/cat/x.png")
    return train()


@case(2, "cat/0.png", "Permission denied")
def unreadable_picture(g: Ground) -> list[str]:
    g.classes()
    g.deny("cat/0.png")
    return train()


@case(2, "d/cat", "Permission denied", "right to read")
def unreadable_folder(g: Ground) -> list[str]:
    g.classes()
    g.deny("d/cat", "os.scandir")
    return train()


@case(2, r"a\nb\x1b[31m.png", "not a picture")
def hostile_name_with_newline_and_escape(g: Ground) -> list[str]:
    g.classes()
    g.write(f"d/cat/a\nb{ESCAPE}.png", "hello")
    return train()


@case(2, r"\udcff", "not a picture")
def name_that_is_not_utf8(g: Ground) -> list[str]:
    g.classes()
    g.write(b"d/cat/\xff.png", "hello")
    return train()


@case(2, "aaaa…aaaa", "not a picture")
def name_of_255_bytes(g: Ground) -> list[str]:
    g.classes()
    g.write(f"d/cat/{'a' * 251}.png", "hello")
    return train()


@case(2, "[red]x[/red].png", "not a picture")
def name_that_is_markup(g: Ground) -> list[str]:
    g.classes()
    g.write("d/cat/[red]x[/red].png", "hello")
    return train()


@case(2, "<b>.png", "not a picture")
def name_that_is_html(g: Ground) -> list[str]:
    g.classes()
    g.write("d/cat/<b>.png", "hello")
    return train()


@case(2, "0.png", "and 16 more", "--bad-images skip")
def all_pictures_unreadable(g: Ground) -> list[str]:
    g.classes()
    for path in Path("d").rglob("*.png"):
        path.write_bytes(b"")
    return train()


@case(2, "d", "no picture can be read")
def all_pictures_unreadable_and_skipped(g: Ground) -> list[str]:
    all_pictures_unreadable(g)
    return train("d", "--bad-images", "skip")


@case(2, "", "only one class", "cat", "at least one other class")
def all_pictures_of_a_class_unreadable_and_skipped(g: Ground) -> list[str]:
    g.classes()
    for path in Path("d/dog").iterdir():
        path.write_bytes(b"")
    return train("d", "--bad-images", "skip")
