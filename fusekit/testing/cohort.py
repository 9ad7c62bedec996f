"""A small cohort of people's own data, which every fusion, backbone and baseline can be tried on."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

_TASK = """
table = "people.csv"
images = "{id}.png"
subject = "id"
label = "ill"
classes = ["no", "yes"]
columns = ["age", "tau"]
"""


def write_cohort(folder: Path, count: int = 20) -> Path:
    """Write people with a picture (32 x 32) each and a table; return the TOML, which ``fusekit.run`` takes.

    Every second one is ill, has a brighter picture and a higher ``tau``; the same people every time.
    """
    draw = np.random.default_rng(0)
    names = [f"p{number:02}" for number in range(count)]
    for number, name in enumerate(names):
        pixels = draw.integers(0, 200, (32, 32), dtype=np.uint8) + np.uint8(50 * (number % 2))
        Image.fromarray(pixels).save(folder / f"{name}.png")
    people = pd.DataFrame(
        {
            "id": names,
            "ill": [("no", "yes")[number % 2] for number in range(count)],
            "age": draw.integers(50, 90, count),
            "tau": draw.normal(80, 20, count).round(2) + 10 * (np.arange(count) % 2),
        }
    )
    people.to_csv(folder / "people.csv", index=False)
    (folder / "own.toml").write_text(_TASK, encoding="utf-8")
    return folder / "own.toml"
