"""The smallest brains: what the atlas makes in well under a second each."""

from __future__ import annotations

SHAPE, SPACING_MM = (24, 30, 26), (6.5, 6.5, 6.5)
SETS = ("--set", "image.shape=24,30,26", "--set", "image.spacing_mm=6.5,6.5,6.5")
"""Makes the brains of any recipe tiny."""

RECIPE = {
    "name": "tiny-brains",
    "samples": 6,
    "seed": 11,
    "image": {"shape": list(SHAPE), "spacing_mm": list(SPACING_MM)},
    "conditions": {"age": {"range": [60, 80]}, "diagnosis": {"choice": ["CN", "AD"]}},
    "splits": {"train": 0.7, "validation": 0.3},
    "shards": {"samples": 2},
}

TEXT = """\
name: tiny-brains
samples: 6
seed: 11
image: {shape: [24, 30, 26], spacing_mm: [6.5, 6.5, 6.5]}
conditions: {age: {range: [60, 80]}, diagnosis: {choice: [CN, AD]}}
splits: {train: 0.7, validation: 0.3}
shards: {samples: 2}
"""
"""The same recipe as it is written."""
