"""Pictures that stand in a page."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["data_url"]


def data_url(picture: Image, *, form: str = "PNG", quality: int = 80) -> str:
    """The picture as the address of itself.

    Args:
        picture: RGB or grey.
        form: `PNG`, or `JPEG` where there are many.
        quality: of a JPEG.
    """
    kept = io.BytesIO()
    picture.save(kept, format=form, **({"optimize": True} if form == "PNG" else {"quality": quality}))
    return f"data:image/{form.lower()};base64,{base64.b64encode(kept.getvalue()).decode()}"
