"""Pictures that strangers made: only their pixels are taken over."""

import struct
import zlib
from contextlib import suppress
from io import BytesIO

from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageCms, ImageOps

from reservations.domain.errors import PosterRefused

FORMATS = ("JPEG", "PNG", "WEBP")
# A2 at 300 dots per inch has 35 million. Beyond it a small file could fill the memory (a "decompression bomb").
MOST_PIXELS = 40_000_000
SHORTEST_SIDE = 200
LONGEST_SIDE = 1600
QUALITY = 82
# What Pillow's decoders are known to raise on files that are broken, or made to break them.
BROKEN = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)

NOT_A_PICTURE = _("We can’t use this picture. Please upload a JPEG, PNG or WebP file.")
DAMAGED = _("This picture is damaged. Please save it again and upload it once more.")
TOO_MANY_PIXELS = _("This picture is too large: %(width)d × %(height)d pixels. Please make it smaller.")
TOO_FEW_PIXELS = _("This picture is too small: %(width)d × %(height)d pixels. Both sides need at least %(least)d.")


def read_picture(content: bytes) -> Image.Image:
    """The pixels of a JPEG, PNG or WebP: upright, sRGB, at most LONGEST_SIDE, and nothing beside them.

    Of a moving picture it is the first frame. Neither its name nor what the browser calls it is looked at.
    :raises PosterRefused: if it is none, or damaged, too small or too large
    """
    image = open_image(content)
    require_usable_size(*image.size)
    try:
        # A large JPEG is decoded at a fraction of its size.
        image.draft(None, (LONGEST_SIDE, LONGEST_SIDE))
        image.load()
        turn_upright(image)
        pixels = in_srgb(image)
        pixels.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    except BROKEN as error:
        raise PosterRefused(DAMAGED) from error
    return pixels


def open_image(content: bytes) -> Image.Image:
    """The picture as far as its header goes.

    :raises PosterRefused: if it has none of a format that we take
    """
    try:
        return Image.open(BytesIO(content), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PosterRefused(_("This picture has too many pixels. Please make it smaller.")) from error
    except BROKEN as error:
        raise PosterRefused(NOT_A_PICTURE) from error


def require_usable_size(width: int, height: int) -> None:
    """Look at the size that the header claims, before memory is taken for it.

    :raises PosterRefused: if it is too small or too large
    """
    if width * height > MOST_PIXELS:
        raise PosterRefused(TOO_MANY_PIXELS % {"width": width, "height": height})
    if min(width, height) < SHORTEST_SIDE:
        raise PosterRefused(TOO_FEW_PIXELS % {"width": width, "height": height, "least": SHORTEST_SIDE})


def turn_upright(image: Image.Image) -> None:
    """Turn it by how the camera was held; with broken EXIF it stays as it is."""
    with suppress(*BROKEN):
        ImageOps.exif_transpose(image, in_place=True)


def in_srgb(image: Image.Image) -> Image.Image:
    """Its pixels in the colours of the web, 8 bits each."""
    profile = image.info.get("icc_profile")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode.startswith("I;16"):
        image = high_bytes(image)
    if image.mode not in ("RGB", "RGBA", "CMYK"):
        # A profile of grey or of a palette says nothing about what it is converted to here.
        return without_metadata(image.convert(mode))
    if profile:
        try:
            converted = ImageCms.profileToProfile(
                image, ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode=mode
            )
        except (ImageCms.PyCMSError, *BROKEN):
            # A profile that is broken, or of other colours than the picture's, is as good as none.
            converted = None
        if converted is not None:
            return without_metadata(converted)
    # Converting would copy what is so already: with many pixels that is much memory.
    return without_metadata(image if image.mode == mode else image.convert(mode))


def high_bytes(image: Image.Image) -> Image.Image:
    """16-bit grey in 8 bits; Pillow's own conversion would make everything but the darkest white."""
    order = 0 if image.mode == "I;16B" else 1
    return Image.frombytes("L", image.size, image.tobytes()[order::2])


def without_metadata(image: Image.Image) -> Image.Image:
    """Without what else the file said: where it was taken, by whom, with what."""
    image.info.clear()
    return image


def as_webp(image: Image.Image) -> bytes:
    """The pixels as a WebP file; the same pixels always make the same file."""
    file = BytesIO()
    image.save(file, "WEBP", quality=QUALITY, method=4)
    return file.getvalue()


def shrink_to_width(image: Image.Image, width: int) -> Image.Image:
    if image.width <= width:
        return image
    height = max(1, round(image.height * width / image.width))
    return image.resize((width, height), Image.Resampling.LANCZOS)
