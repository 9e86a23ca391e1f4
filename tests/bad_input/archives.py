"""Archives that are damaged, or lead astray."""

import gzip
import zipfile
from pathlib import Path

from tests.bad_input.cases import case
from tests.bad_input.ground import Ground, picture, train


@case(2, "d.zip", "encrypted|password")
def encrypted_zip(g: Ground) -> list[str]:
    content = bytearray(Path(g.zip()).read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + flags] |= 1
            at = content.find(signature, at + 4)
    Path("d.zip").write_bytes(content)
    return train("d.zip")


@case(2, "d.zip", "damaged or cut short", "again")
def truncated_zip(g: Ground) -> list[str]:
    return train(g.cut(g.zip()))


@case(2, "d.tar", "damaged or cut short", "again")
def truncated_tar(g: Ground) -> list[str]:
    return train(g.cut(g.tar()))


@case(2, "d.tar.gz", "damaged or cut short", "again")
def truncated_tar_gz(g: Ground) -> list[str]:
    return train(g.cut(g.tar("d.tar.gz", "w:gz")))


@case(2, "d.tar.gz", "damaged|not")
def gz_that_holds_no_tar(g: Ground) -> list[str]:
    g.write("d.tar.gz", gzip.compress(b"hello" * 1000))
    return train("d.tar.gz")


@case(2, "cat/0.png", "damaged inside the archive", "--bad-images skip")
def flipped_bit_in_a_zip_member(g: Ground) -> list[str]:
    content = bytearray(Path(g.zip()).read_bytes())
    content[content.find(b"PK\x03\x04") + 60] ^= 4
    Path("d.zip").write_bytes(content)
    return train("d.zip")


@case(2, "cat/big.png", "larger than 1 GiB")
def zip_member_that_claims_to_be_huge(g: Ground) -> list[str]:
    content = bytearray(Path(g.zip(extra={"cat/big.png": b"x"})).read_bytes())
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = (0x7FFFFFFF).to_bytes(4, "little")
    Path("d.zip").write_bytes(content)
    return train("d.zip")


@case(2, "d.zip", "no pictures found")
def zip_of_names_that_lead_out(g: Ground) -> list[str]:
    with zipfile.ZipFile("d.zip", "w") as archive:
        archive.writestr("../../cat/0.png", picture(0))
        archive.writestr("../dog/0.png", picture(1))
    return train("d.zip")
