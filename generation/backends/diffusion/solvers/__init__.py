"""Solvers: from noise to a latent, by explicit pairs of times.

A solver is a frozen plan: `pairs` are all (t, t_next) in order, `END` being the time without noise, and `run` asks the
network once for each. They are our own because MONAI 1.6.1's schedulers step to other times than they say:
`DDIMScheduler.set_timesteps` gives 999, 979, 958 …, but `step` goes back by 20 from each (MONAI#8600), and
`RFlowScheduler` keeps times as float16 and cuts the next one to a whole number, so that its steps add up to 1.01.
"""

from __future__ import annotations

from .ddim import Ddim
from .ddpm import Ddpm
from .dpmpp import DpmPlusPlus2M
from .euler import Euler
from .presets import solver_of
from .solver import Solver

__all__ = ["Ddim", "Ddpm", "DpmPlusPlus2M", "Euler", "Solver", "solver_of"]
