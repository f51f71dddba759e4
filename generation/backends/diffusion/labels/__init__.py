"""Label maps for CT, as NV-Generate makes them: a mask generator whose labels steer the image's diffusion.

A diffusion model with sizes of organs and a tumor as conditions makes a latent, an autoencoder decodes it to one of
125 classes a voxel, the classes become the values of MAISI's label dictionary, the map is tidied and laid on the grid
of the data set, and a ControlNet that is given it as bit planes steers the network that makes the image. Label and
image so belong together.
"""

from __future__ import annotations

from .card import LabelCard, load_label_card
from .maker import LabelMaker, LabelMap

__all__ = ["LabelCard", "LabelMaker", "LabelMap", "load_label_card"]
