"""The main job in Python: a folder of pictures in, a judged model and its answers out.

Makes a small class folder of scikit-learn's handwritten digits, one PNG a picture, then treats it as it would treat any
other folder. Run it with `python examples/train_on_a_folder.py`; about 15 seconds on one core.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import smalti


def make_folder(folder: Path, pictures: int = 600) -> None:
    """Writes `folder/<digit>/<number>.png`."""
    digits: Any = load_digits()
    for number, (image, digit) in enumerate(zip(digits.images[:pictures], digits.target, strict=False)):
        path = folder / str(digit) / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.rint(image * (255 / 16)).astype(np.uint8)).save(path)


def main(place: Path, steps: int = 150) -> float:
    """Checks, trains, evaluates and predicts below the folder `place`; returns the test accuracy."""
    data = place / "digits"
    make_folder(data)

    found = smalti.check(data)
    print(f"{found.n} pictures of {len(found.labels)} classes; ready to train: {found.trainable}")

    result = smalti.train(data, out=place / "run", steps=steps)
    print("accuracy on pictures it has not seen:", result.metrics["accuracy"])

    model = smalti.load(result.model)
    again = smalti.evaluate(model, data)  # the same test pictures, found again from the data and the seed
    assert again.metrics["accuracy"].value == result.metrics["accuracy"].value

    for answer in model.predict(data / "3")[:3]:
        print(f"{Path(answer.file).name}: {answer.label} ({answer.probability:.0%})")
    return again.metrics["accuracy"].value


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(sys.argv[1] if len(sys.argv) > 1 else temporary))
