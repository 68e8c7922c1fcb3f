"""The light of times and places: skies, the colours of grounds and walls, and the veil of air."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Colour = tuple[int, int, int]
OUTDOORS, INDOORS, OWN = "outdoors", "indoors", "own"
"""Which light falls on something: the time of day's, a room's, or none but its own."""
_WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True)
class Sky:
    """A time of day: sky from top to horizon, sun or moon, the light on background and subject."""

    top: Colour
    middle: Colour
    horizon: Colour
    sun: Colour
    sun_x: float
    sun_y: float
    sun_radius: float
    light: Colour
    subject_light: Colour


SKIES: dict[str, Sky] = {
    "morning": Sky((140, 190, 240), (226, 212, 232), (255, 206, 190), (255, 244, 196),
                   0.2, 0.42, 0.09, (255, 238, 232), (255, 248, 244)),
    "day": Sky((30, 128, 236), (90, 176, 250), (176, 224, 255), (255, 240, 110),
               0.7, 0.16, 0.085, (255, 255, 255), (255, 255, 255)),
    "sunset": Sky((92, 48, 138), (232, 98, 98), (255, 176, 66), (255, 226, 120),
                  0.78, 0.46, 0.15, (255, 190, 160), (255, 238, 228)),
    "night": Sky((8, 12, 44), (18, 28, 84), (40, 56, 128), (248, 244, 214),
                 0.72, 0.18, 0.08, (66, 84, 150), (218, 224, 252)),
}  # fmt: skip
_ROOM_LIGHT: dict[str, Colour] = {
    "morning": (255, 244, 232), "day": (255, 255, 255), "sunset": (255, 218, 190),
    "night": (190, 172, 160),
}  # fmt: skip
# Skies that no time of day changes, from top to horizon: under the sea, in space, over neon.
OWN_SKIES: dict[str, tuple[Colour, Colour, Colour]] = {
    "space": ((10, 8, 34), (22, 16, 60), (44, 26, 92)),
    "moonscape": ((4, 4, 14), (10, 10, 28), (22, 22, 48)),
    "neon street": ((16, 8, 44), (52, 18, 88), (140, 40, 130)),
}
_SEA: tuple[Colour, Colour, Colour] = ((126, 216, 240), (40, 140, 210), (16, 84, 160))
WALLED = ("room", "kitchen", "cafe", "stage", "studio")  # places under a roof
# The veil of air on far, middle and near land and on the subject, by weather.
VEILS = {
    "clear": (0.22, 0.06, 0.0, 0.0),
    "rain": (0.45, 0.25, 0.1, 0.04),
    "snow": (0.45, 0.28, 0.15, 0.04),
    "fog": (0.86, 0.68, 0.34, 0.14),
}
PASTEL: Colour = (255, 250, 244)
PASTEL_SHARE = 0.42  # by which the pastel style pales all but the subject
NO_SUN = ("underwater", "space", "moonscape", "neon street", *WALLED)
_COVER = {"clear": 0.0, "rain": 0.72, "snow": 0.5, "fog": 0.75}
_SEA_VEIL = (0.3, 0.12, 0.0, 0.0)
_GREEN = ((148, 214, 92), (104, 184, 70))
_FAR_GREEN = ((150, 204, 130), (110, 184, 90))
_ASPHALT = ((112, 114, 124), (84, 86, 98))
_PITCH = ((92, 184, 74), (60, 150, 56))
# The colours of each ground of a place, from its line down to the picture's edge.
GROUNDS: dict[str, tuple[tuple[Colour, Colour], ...]] = {
    "meadow": (_FAR_GREEN, _GREEN, ((136, 210, 74), (84, 170, 52))),
    "forest": (((60, 120, 92), (60, 120, 80)), ((58, 122, 62), (60, 130, 60)),
               ((74, 142, 62), (42, 100, 48))),
    "beach": (((20, 112, 206), (70, 200, 230)), ((240, 252, 255), (240, 252, 255)),
              ((250, 226, 140), (236, 192, 96))),
    "desert": (((244, 178, 96), (236, 150, 70)), ((238, 152, 66), (222, 126, 50)),
               ((250, 176, 84), (222, 130, 54))),
    "mountains": (((112, 140, 124), (100, 124, 112)), ((158, 152, 146), (116, 110, 108))),
    "city": (((140, 160, 192), (140, 160, 192)), ((150, 150, 156), (150, 150, 156)),
             ((202, 200, 196), (202, 200, 196)), _ASPHALT),
    "village": (((140, 192, 140), (110, 176, 100)), ((124, 190, 88), (104, 176, 76)),
                ((116, 188, 74), (78, 150, 56))),
    "lake": (((130, 172, 166), (120, 170, 150)), ((88, 164, 80), (70, 140, 70)),
             ((110, 190, 236), (24, 100, 190)), ((120, 186, 84), (80, 150, 60))),
    "snowfield": (((214, 228, 244), (200, 218, 240)), ((234, 242, 252), (214, 228, 246)),
                  ((250, 252, 255), (212, 226, 244))),
    "garden": (((120, 180, 120), (110, 176, 100)), ((110, 184, 82), (110, 184, 82)),
               ((140, 206, 90), (92, 172, 64))),
    "room": (((244, 226, 200), (232, 206, 176)), ((196, 140, 90), (160, 108, 66))),
    "kitchen": (((236, 240, 226), (216, 226, 214)), ((226, 222, 214), (196, 192, 186))),
    "cafe": (((176, 116, 84), (142, 88, 66)), ((126, 84, 58), (96, 62, 44))),
    "underwater": (((60, 150, 200), (40, 120, 180)), ((150, 190, 180), (90, 150, 170)),
                   ((240, 218, 160), (206, 176, 120))),
    "sky": (),
    "space": (),
    "moonscape": (((120, 122, 136), (110, 112, 126)), ((146, 148, 160), (130, 132, 146)),
                  ((184, 186, 196), (142, 144, 158))),
    "neon street": (((44, 36, 92), (44, 36, 92)), ((84, 70, 130), (70, 58, 116)),
                    ((52, 46, 92), (24, 20, 52))),
    "road": (_FAR_GREEN, _GREEN, ((128, 200, 78), (110, 184, 66)), _ASPHALT),
    "castle grounds": (_FAR_GREEN, ((132, 196, 96), (110, 176, 84)),
                       ((222, 206, 168), (190, 168, 126))),
    "stage": (((92, 14, 26), (60, 8, 18)), ((190, 126, 74), (150, 94, 54)),
              ((60, 36, 26), (40, 24, 18))),
    "stadium": (((130, 138, 158), (110, 118, 140)), _PITCH, ((80, 168, 64), (56, 140, 50)), _PITCH),
    "farm": (((170, 206, 120), (140, 190, 96)), ((222, 200, 104), (150, 196, 84)),
             ((132, 202, 78), (86, 166, 56))),
    "waterfall": (((120, 196, 232), (40, 126, 190)), ((92, 160, 80), (60, 124, 60))),
    "studio": (((226, 222, 232), (206, 200, 216)), ((240, 236, 242), (196, 190, 206))),
}  # fmt: skip
# Grounds that seasons change: white in winter, warm in autumn.
_SEASONAL = ("meadow", "forest", "village", "garden", "road", "castle grounds", "farm", "mountains")
_SEASON_TONES: dict[str, tuple[Colour, float]] = {
    "autumn": (((206, 150, 70)), 0.45), "winter": (((240, 246, 255)), 0.82),
    "spring": (((170, 226, 110)), 0.3),
}  # fmt: skip


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Blend two colours; `share` is the part of the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def tint(colour: Colour, light: Colour) -> Colour:
    """Show a colour under a coloured light (white light leaves it as it is)."""
    red, green, blue = (round(a * b / 255) for a, b in zip(colour, light, strict=True))
    return red, green, blue


def light_on(kind: str, time: str) -> Colour:
    """Return the light on props of a kind of place."""
    if kind == OWN:
        return _WHITE
    return _ROOM_LIGHT[time] if kind == INDOORS else SKIES[time].light


def light_in(place: str) -> str:
    """Say which light a place's grounds have."""
    if place in ("moonscape", "neon street"):
        return OWN
    return INDOORS if place in WALLED or place == "stadium" else OUTDOORS


def ground_tones(place: str, index: int, season: str | None, time: str) -> tuple[Colour, Colour]:
    """Return the colours of a place's ground in a season, from its line down."""
    light = light_on(light_in(place), time)
    top, bottom = GROUNDS[place][index]
    if season in _SEASON_TONES and place in _SEASONAL and not (place == "road" and index == 3):
        tone, share = _SEASON_TONES[season]
        top, bottom = mix(top, tone, share), mix(bottom, tone, 0.85 * share)
    return tint(top, light), tint(bottom, light)


def veil_colour(time: str, weather: str) -> Colour:
    """Return the colour of the air."""
    sky = SKIES[time]
    if weather == "clear":
        return sky.horizon
    pale = {"rain": (150, 160, 176), "snow": (232, 238, 248), "fog": (232, 234, 238)}[weather]
    if time == "night":
        return mix(mix((0, 0, 0), pale, 0.42), sky.horizon, 0.4)
    return mix(pale, sky.horizon, 0.3)


def veil_of(place: str, time: str, weather: str) -> tuple[Colour, tuple[float, ...]]:
    """Return the colour of a place's air, and its share on far, middle and near land and bodies."""
    if place in WALLED or place in ("space", "moonscape"):
        return _WHITE, (0.0, 0.0, 0.0, 0.0)
    if place == "underwater":
        return _dimmed(_SEA, time)[1], _SEA_VEIL
    colour = OWN_SKIES[place][2] if place in OWN_SKIES else veil_colour(time, weather)
    return colour, VEILS[weather]


def sky_of(place: str, time: str) -> tuple[Colour, Colour, Colour]:
    """Return a place's sky in clear weather, from its top to the horizon; a room's is its wall."""
    if place in WALLED:
        wall = tint(GROUNDS[place][0][0], _ROOM_LIGHT[time])
        return wall, wall, wall
    if place == "underwater":
        return _dimmed(_SEA, time)
    sky = SKIES[time]
    return OWN_SKIES.get(place, (sky.top, sky.middle, sky.horizon))


def _dimmed(colours: tuple[Colour, Colour, Colour], time: str) -> tuple[Colour, Colour, Colour]:
    share = {"night": 0.6, "sunset": 0.25}.get(time, 0.0)
    top, middle, low = (mix(colour, SKIES[time].top, share) for colour in colours)
    return top, middle, low


def cover_of(place: str, weather: str) -> float:
    """Return how much of a place's sky the weather covers."""
    is_open = place not in WALLED and place not in ("underwater", "space", "moonscape")
    return _COVER[weather] if is_open else 0.0


@dataclass(frozen=True)
class Spot:
    """A disc in the sky: its middle and radius in pixels, colour and cover."""

    x: float
    y: float
    radius: float
    colour: Colour
    cover: float


def lights_of_sky(
    place: str, time: str, weather: str, seed: int, size: tuple[int, int], horizon: float
) -> list[Spot]:
    """Return sun or moon and the stars over a place, for a picture of `size` (height, width)."""
    if place in NO_SUN:
        return []
    (height, width), sky = size, SKIES[time]
    rng, unit, strength = np.random.default_rng((seed, 12)), min(size), 1 - cover_of(place, weather)
    x = width * (sky.sun_x + rng.uniform(-0.12, 0.12))
    y = horizon * (sky.sun_y / 0.62) + rng.uniform(-0.03, 0.03) * height
    radius, spots = sky.sun_radius * unit, []
    if time == "night" and weather != "fog":
        spots = [
            Spot(sx * 2 * width, sy * 0.5 * height, (0.005 + 0.006 * r) * unit, (255, 250, 220),
                 strength)
            for sx, sy, r in rng.uniform(size=(26, 3))
        ]  # fmt: skip
    rings = ((2.6, 0.12), (1.8, 0.18), (1.0, 1.0))
    spots += [Spot(x, y, ring * radius, sky.sun, cover * strength) for ring, cover in rings]
    if time == "night":
        spots += [
            Spot(x + dx * radius, y + dy * radius, r * radius, mix(sky.sun, sky.horizon, 0.25),
                 strength)
            for dx, dy, r in ((-0.3, -0.15, 0.22), (0.3, 0.3, 0.16))
        ]  # fmt: skip
    return spots
