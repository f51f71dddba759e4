"""What must be said about the works that a backend makes its samples from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["NOTICES", "Notice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Licence of the data that a backend makes.

    Attributes:
        name: short, for the card's `license_name`.
        link: to the terms.
        text: Markdown, with every notice that has to be kept.
    """

    name: str
    link: str
    text: str


_ICBM_152 = """\
The volumes derive from the ICBM 152 nonlinear symmetric average brain (2009a). Its terms let you use, copy, modify and
distribute them for any purpose without fee, as long as this notice stays with every copy:

> Copyright (C) 1993-2009 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological Institute, McGill
> University. Permission to use, copy, modify, and distribute this software and its documentation for any purpose and
> without fee is hereby granted, provided that the above copyright notice appear in all copies. The authors and McGill
> University make no representations about the suitability of this software for any purpose. It is provided "as is"
> without express or implied warranty. The authors are not responsible for any data loss, equipment damage, property
> loss, or injury to subjects or patients resulting from the use or misuse of this software package.

Please cite Fonov et al., *NeuroImage* 54 (2011) 313-327, for the template."""

NOTICES: Final[dict[str, Notice]] = {
    "atlas": Notice(
        name="icbm-152",
        link="https://www.bic.mni.mcgill.ca/ServicesAtlases/ICBM152NLin2009",
        text=_ICBM_152,
    ),
}
"""Backend → notice. A backend that is not here leaves the licence to the publisher, and the card says so."""
