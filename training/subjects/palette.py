"""The colours of a subject under the light of its scene: of a named colour, or its natural ones."""

from __future__ import annotations

from dataclasses import dataclass

from training.shapes import Colour, mix, tint

NATURAL = "natural"
# Chosen far apart: the captions name them, so a viewer must never doubt which one is meant.
COLOURS: dict[str, Colour] = {
    "red": (214, 24, 36),
    "orange": (255, 132, 0),
    "yellow": (255, 220, 24),
    "green": (30, 150, 52),
    "blue": (28, 84, 226),
    "purple": (122, 36, 176),
    "pink": (255, 122, 186),
    "brown": (116, 66, 28),
    "white": (250, 250, 252),
    "black": (34, 34, 42),
}
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_CONTOURS = {"white": (138, 146, 176), "black": (136, 138, 160)}
_DARK = 60  # mean of the channels below which a colour is outlined in grey, as black is
_DIM = 3 * 240  # sum of the channels of the light by which lamps are lit
_BRIGHT = 228  # and above which it is shaded as white is
# Faces flush and pale, so that an emotion can be told from afar.
_MOODS = {"angry": (246, 140, 112), "sad": (206, 204, 214), "sleepy": (238, 206, 190)}
SKINS: dict[str, Colour] = {
    "fair": (250, 208, 170), "tan": (226, 168, 120), "brown": (168, 108, 70), "dark": (108, 68, 46),
}  # fmt: skip
HAIRS: dict[str, Colour] = {
    "black": (46, 38, 40), "brown": (110, 66, 40), "blond": (240, 198, 96), "red": (196, 84, 36),
    "grey": (200, 200, 206),
}  # fmt: skip


@dataclass(frozen=True)
class Palette:
    """The colours of one subject under the light of its scene, and what else decides its looks."""

    base: Colour
    light: Colour
    shade: Colour
    contour: Colour
    ink: Colour
    pale: Colour
    glass: Colour
    wood: Colour
    glow: Colour
    skin: Colour
    hair: Colour
    lamp: Colour  # the light on everything
    is_dim: bool  # whether windows are lit
    line: float  # width of the contour, both sides together
    sky: Colour = (90, 176, 250)  # as it is seen through windows
    season: str | None = None
    emotion: str | None = None  # of a face
    action: str = "stand"  # of a person
    outfit: str = "trousers"

    def lit(self, colour: Colour) -> Colour:
        """Show another colour under the scene's light."""
        return tint(colour, self.lamp)


def mix_palette(
    base: Colour,
    lamp: Colour,
    *,
    style: str = "flat",
    sky: Colour = (90, 176, 250),
    season: str | None = None,
    is_flat: bool = False,
    emotion: str | None = None,
    hair: str = "brown",
    skin: str = "fair",
    action: str = "stand",
    outfit: str = "trousers",
) -> Palette:
    """Make the palette of a base colour under a coloured light, in a style.

    What is flat has no contour, as props have none.
    """
    mean = sum(base) / 3
    is_white, is_black = mean > _BRIGHT, mean < _DARK
    shades = {
        "base": base,
        "light": mix(base, _WHITE, 0.2 if is_black else 0.32),
        "shade": mix(base, (128, 136, 168), 0.22) if is_white else mix(base, _BLACK, 0.25),
        "contour": {"comic": (16, 16, 24), "papercut": (255, 255, 250)}.get(
            style, _contour_of(base, is_white=is_white, is_black=is_black)
        ),
        "ink": (44, 44, 56),
        "pale": (252, 250, 244),
        "glass": (176, 224, 246),
        "wood": (164, 110, 58),
        "glow": (255, 216, 90),
        "skin": _MOODS.get(emotion or "", SKINS[skin]),
        "hair": HAIRS[hair],
    }
    line = 0.0 if is_flat else {"comic": 0.075, "papercut": 0.1}.get(style, 0.045)
    tinted = {name: tint(value, lamp) for name, value in shades.items()}
    return Palette(
        **tinted, lamp=lamp, is_dim=sum(lamp) < _DIM, line=line, sky=sky, season=season,
        emotion=emotion, action=action, outfit=outfit,
    )  # fmt: skip


def _contour_of(base: Colour, *, is_white: bool, is_black: bool) -> Colour:
    if is_white:
        return _CONTOURS["white"]
    return _CONTOURS["black"] if is_black else mix(base, _BLACK, 0.4)
