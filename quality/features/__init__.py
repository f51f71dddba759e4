"""What stands for a volume when sets of them are compared: embeddings, made once, each with an id of its own."""

from __future__ import annotations

from .extractor import FeatureExtractor
from .feature_set import FeatureSet

__all__ = ["FeatureExtractor", "FeatureSet"]
