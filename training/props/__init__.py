"""Draws the props of the lands: side view, foot at (0, 0), one unit high, animated by time t."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import skia

from pipeline.mini.light import INDOORS, OUTDOORS, OWN
from training.props import built, indoors, plants, wild
from training.shapes import Colour
from training.subjects.palette import COLOURS, NATURAL, Palette

Draw = Callable[[skia.Canvas, Palette, float], None]


@dataclass(frozen=True)
class PropSpec:
    """How a kind of prop is drawn, its colour if none is chosen, and the light on it."""

    draw: Draw
    natural: Colour = (200, 200, 200)
    light: str = OUTDOORS


PROPS: dict[str, PropSpec] = {
    "round tree": PropSpec(plants.draw_round_tree, (82, 158, 66)),
    "fir": PropSpec(plants.draw_fir),
    "far fir": PropSpec(plants.draw_far_fir),
    "snowy fir": PropSpec(plants.draw_snowy_fir),
    "bush": PropSpec(plants.draw_bush),
    "grass": PropSpec(plants.draw_grass),
    "small flower": PropSpec(plants.draw_small_flower, (255, 250, 246)),
    "flower bed": PropSpec(plants.draw_flower_bed, (236, 66, 96)),
    "small mushroom": PropSpec(plants.draw_small_mushroom, (214, 50, 46)),
    "palm": PropSpec(plants.draw_palm),
    "cactus": PropSpec(plants.draw_cactus),
    "fern": PropSpec(plants.draw_fern),
    "hedge": PropSpec(plants.draw_hedge),
    "reed": PropSpec(plants.draw_reed),
    "plant": PropSpec(plants.draw_plant, (206, 110, 70), INDOORS),
    "seaweed": PropSpec(plants.draw_seaweed),
    "coral": PropSpec(plants.draw_coral, (240, 110, 110)),
    "fan coral": PropSpec(plants.draw_fan_coral, (236, 120, 170)),
    "far coral": PropSpec(plants.draw_far_coral),
    "block": PropSpec(built.draw_block, (206, 150, 116)),
    "tall block": PropSpec(built.draw_tall_block, (126, 144, 172)),
    "shop": PropSpec(built.draw_shop, (222, 186, 138)),
    "far block": PropSpec(built.draw_far_block),
    "cottage": PropSpec(built.draw_cottage, (250, 238, 214)),
    "church": PropSpec(built.draw_church, (250, 244, 232)),
    "street lamp": PropSpec(built.draw_street_lamp),
    "dark block": PropSpec(built.draw_dark_block, light=OWN),
    "neon block": PropSpec(built.draw_neon_block, (60, 230, 255), OWN),
    "neon shop": PropSpec(built.draw_neon_shop, (255, 60, 150), OWN),
    "neon sign": PropSpec(built.draw_neon_sign, (255, 90, 160), OWN),
    "lantern": PropSpec(built.draw_lantern, light=OWN),
    "puddle": PropSpec(built.draw_puddle, light=OWN),
    "dash": PropSpec(built.draw_dash),
    "guard rail": PropSpec(built.draw_guard_rail),
    "power pole": PropSpec(built.draw_power_pole),
    "picket": PropSpec(built.draw_picket),
    "rail fence": PropSpec(built.draw_rail_fence),
    "barn": PropSpec(built.draw_barn),
    "silo": PropSpec(built.draw_silo),
    "windmill": PropSpec(built.draw_windmill, (240, 230, 210)),
    "hay bale": PropSpec(built.draw_hay_bale),
    "great castle": PropSpec(built.draw_great_castle, (206, 200, 194)),
    "castle wall": PropSpec(built.draw_castle_wall),
    "torch": PropSpec(built.draw_torch),
    "banner": PropSpec(built.draw_banner, (200, 50, 60)),
    "window": PropSpec(indoors.draw_window, (226, 140, 110), INDOORS),
    "picture": PropSpec(indoors.draw_picture, (110, 160, 90), INDOORS),
    "sofa": PropSpec(indoors.draw_sofa, (70, 130, 150), INDOORS),
    "bookshelf": PropSpec(indoors.draw_bookshelf, light=INDOORS),
    "floor lamp": PropSpec(indoors.draw_floor_lamp, light=INDOORS),
    "rug": PropSpec(indoors.draw_rug, (196, 90, 80), INDOORS),
    "shelf": PropSpec(indoors.draw_shelf, light=INDOORS),
    "counter": PropSpec(indoors.draw_counter, (110, 164, 160), INDOORS),
    "stove": PropSpec(indoors.draw_stove, light=INDOORS),
    "fridge": PropSpec(indoors.draw_fridge, light=INDOORS),
    "tile": PropSpec(indoors.draw_tile, (150, 160, 172), INDOORS),
    "menu board": PropSpec(indoors.draw_menu_board, light=INDOORS),
    "hanging lamp": PropSpec(indoors.draw_hanging_lamp, (190, 80, 60), INDOORS),
    "cafe table": PropSpec(indoors.draw_cafe_table, (170, 116, 70), INDOORS),
    "bar": PropSpec(indoors.draw_bar, (130, 86, 60), INDOORS),
    "curtain": PropSpec(indoors.draw_curtain, (170, 26, 40), INDOORS),
    "spotlight": PropSpec(indoors.draw_spotlight, light=OWN),
    "loudspeaker": PropSpec(indoors.draw_loudspeaker, light=INDOORS),
    "footlight": PropSpec(indoors.draw_footlight, light=INDOORS),
    "halo": PropSpec(indoors.draw_halo, light=INDOORS),
    "crowd": PropSpec(indoors.draw_crowd, light=INDOORS),
    "advert": PropSpec(indoors.draw_advert, (40, 110, 200), INDOORS),
    "floodlight": PropSpec(indoors.draw_floodlight),
    "goal": PropSpec(indoors.draw_goal),
    "cloud": PropSpec(wild.draw_cloud),
    "peak": PropSpec(wild.draw_peak),
    "rock": PropSpec(wild.draw_rock, (134, 132, 138)),
    "moon rock": PropSpec(wild.draw_rock, (150, 150, 162), OWN),
    "pebble": PropSpec(wild.draw_pebble, (190, 160, 130)),
    "cliff": PropSpec(wild.draw_cliff),
    "cascade": PropSpec(wild.draw_cascade),
    "ripple": PropSpec(wild.draw_ripple),
    "islet": PropSpec(wild.draw_islet),
    "shell": PropSpec(wild.draw_shell, (250, 190, 170)),
    "starfish": PropSpec(wild.draw_starfish, (240, 120, 60)),
    "drift": PropSpec(wild.draw_drift),
    "sunbeam": PropSpec(wild.draw_sunbeam),
    "crater": PropSpec(wild.draw_crater, light=OWN),
    "far star": PropSpec(wild.draw_far_star, light=OWN),
    "far planet": PropSpec(wild.draw_far_planet, (220, 140, 90), OWN),
    "far galaxy": PropSpec(wild.draw_far_galaxy, (180, 140, 255), OWN),
    "asteroid": PropSpec(wild.draw_asteroid, (140, 130, 136), OWN),
    "earth": PropSpec(wild.draw_earth, light=OWN),
}


def colour_of(kind: str, colour: str) -> Colour:
    """Return a prop's base colour: the chosen one, or its natural one."""
    return PROPS[kind].natural if colour == NATURAL else COLOURS[colour]
