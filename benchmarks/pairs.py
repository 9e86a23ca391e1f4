"""Writes synthetic pairs for sequence-to-sequence learning, one task a file.

    python benchmarks/pairs.py dates  --n 10000 --out dates.csv      # "the 3rd of May 1987" to "1987-05-03"
    python benchmarks/pairs.py numbers --n 20000 --out numbers.csv   # "four hundred and two" to "402"

They are made by rule, so a model can be right on all of them; what it is asked in the test it has never seen.
"""

import argparse
import csv
import random
from datetime import date, timedelta
from pathlib import Path

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def ordinal(n: int) -> str:
    """1 as "1st"."""
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def written_date(day: date, draw: random.Random) -> str:
    """A day in one of many ways to write it."""
    month = MONTHS[day.month - 1]
    ways = (
        f"{month} {day.day}, {day.year}",
        f"{day.day} {month} {day.year}",
        f"the {ordinal(day.day)} of {month} {day.year}",
        f"{month[:3]} {ordinal(day.day)} {day.year}",
        f"{day.day}.{day.month}.{day.year}",
        f"{day.month}/{day.day}/{day.year}",
        f"{day.day} {month[:3].lower()} {day.year}",
    )
    return draw.choice(ways)


def number_words(n: int) -> str:
    """Below a million, in words."""
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10] + (f"-{ONES[n % 10]}" if n % 10 else "")
    if n < 1000:
        return f"{ONES[n // 100]} hundred" + (f" and {number_words(n % 100)}" if n % 100 else "")
    rest = f" {'and ' if n % 1000 < 100 else ''}{number_words(n % 1000)}" if n % 1000 else ""
    return f"{number_words(n // 1000)} thousand{rest}"


def dates(n: int, draw: random.Random) -> list[tuple[str, str]]:
    """Pairs of a written day and its ISO form, between 1900 and 2099."""
    first, days = date(1900, 1, 1), (date(2100, 1, 1) - date(1900, 1, 1)).days
    found = (first + timedelta(draw.randrange(days)) for _ in range(n))
    return [(written_date(day, draw), day.isoformat()) for day in found]


def numbers(n: int, draw: random.Random) -> list[tuple[str, str]]:
    """Pairs of a number in words and in digits, evenly over the number of digits."""
    found = (draw.randrange(10 ** draw.randrange(1, 7)) for _ in range(n))
    return [(number_words(number), str(number)) for number in found]


def write(path: Path, pairs: list[tuple[str, str]]) -> None:
    """The table that `smalti train` reads."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("source", "target"), *pairs])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("dates", "numbers"))
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    pairs = {"dates": dates, "numbers": numbers}[options.kind](options.n, random.Random(options.seed))
    write(options.out, pairs)


if __name__ == "__main__":
    main()
