"""The figures of the README and of docs/atlas.md: subjects across age and diagnosis, and one in each contrast.

python benchmarks/atlas_figure.py
"""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

from PIL import Image

from voxpress.cards import preview_cohort
from voxpress.generation.factory import generate
from voxpress.generation.recipe import parse_recipe
from voxpress.store import open as open_store

DOCS = Path(__file__).parent.parent / "docs"
PEOPLE = [
    {"age": age, "sex": sex, "diagnosis": diagnosis, "contrast": "T1w"}
    for age, sex in ((35, "F"), (60, "M"), (85, "F"))
    for diagnosis in ("CN", "AD")
]
CONTRASTS = [
    {"age": 78, "sex": "M", "diagnosis": "MCI", "contrast": contrast} for contrast in ("T1w", "T2w", "FLAIR", "FDG-PET")
]
RECIPE = """
name: atlas
seed: 20220614
people: people.csv
conditions: {noise: 0.012, bias_field: 0.1, %s}
splits: {train: 1}
shards: {samples: 1}
"""


def figure(people: list[dict[str, object]], more: str, captions: list[str], columns: int, path: Path) -> None:
    """Makes the people at 1 mm and draws them."""
    with tempfile.TemporaryDirectory() as folder:
        with (Path(folder) / "people.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(people[0]))
            writer.writeheader()
            writer.writerows(people)
        generate(parse_recipe(RECIPE % more, folder=folder), Path(folder) / "store", people_folder=folder, workers=2)
        cohort = open_store(Path(folder) / "store")
        picture = preview_cohort(
            cohort, range(len(people)), captions=captions, columns=columns, label_overlay=False, panel_height=190
        )
    picture.convert("RGB").quantize(96, method=Image.Quantize.MEDIANCUT).save(path, optimize=True)
    print(path, picture.size, path.stat().st_size)


def main() -> None:
    """Draws both."""
    captions = ["age", "sex", "diagnosis", "ventricular_volume_ml", "cortical_volume_ml", "wmh_volume_ml"]
    figure(PEOPLE, "contrast: T1w", captions, 2, DOCS / "atlas.png")
    one_person = "intracranial_volume_ml: 1560, ventricular_volume_ml: 45, cortical_volume_ml: 420, wmh_volume_ml: 18"
    figure(CONTRASTS, one_person, ["contrast"], 2, DOCS / "contrasts.png")


if __name__ == "__main__":
    main()
