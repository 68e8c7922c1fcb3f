"""Draws the subjects: side view facing right, feet at (0, 0), one unit high, animated by time t."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import skia

from training.shapes import Colour
from training.subjects import (
    birds,
    buildings,
    child,
    farm,
    food,
    furniture,
    insects,
    nature,
    people,
    pets,
    road_vehicles,
    robots,
    things,
    vehicles,
    water,
    wild,
)
from training.subjects.palette import COLOURS, NATURAL, Palette

Draw = Callable[[skia.Canvas, Palette, float], None]


@dataclass(frozen=True)
class Subject:
    """How a subject is drawn, and its colour if none is named."""

    draw: Draw
    natural: Colour


SUBJECTS: dict[str, Subject] = {
    "car": Subject(vehicles.draw_car, COLOURS["red"]),
    "boat": Subject(vehicles.draw_boat, (196, 70, 60)),
    "train": Subject(vehicles.draw_train, (40, 110, 90)),
    "rocket": Subject(vehicles.draw_rocket, (236, 238, 244)),
    "balloon": Subject(vehicles.draw_balloon, (232, 64, 72)),
    "robot": Subject(robots.draw_robot, (150, 166, 190)),
    "cat": Subject(pets.draw_cat, (232, 150, 70)),
    "rabbit": Subject(pets.draw_rabbit, (206, 190, 176)),
    "bird": Subject(birds.draw_bird, (70, 140, 220)),
    "fish": Subject(water.draw_fish, (255, 140, 40)),
    "butterfly": Subject(insects.draw_butterfly, (250, 150, 40)),
    "turtle": Subject(pets.draw_turtle, (84, 140, 70)),
    "plane": Subject(vehicles.draw_plane, (240, 242, 248)),
    "elephant": Subject(wild.draw_elephant, (150, 156, 172)),
    "dinosaur": Subject(wild.draw_dinosaur, (96, 170, 84)),
    "child": Subject(child.draw_child, (250, 190, 60)),
    "woman": Subject(people.draw_woman, (206, 60, 84)),
    "man": Subject(people.draw_man, (64, 130, 190)),
    "astronaut": Subject(people.draw_astronaut, (240, 242, 248)),
    "vase": Subject(things.draw_vase, (70, 130, 200)),
    "bottle": Subject(things.draw_bottle, (50, 120, 80)),
    "glass": Subject(things.draw_glass, (255, 168, 50)),
    "bowl": Subject(things.draw_bowl, (90, 150, 200)),
    "dog": Subject(pets.draw_dog, (204, 146, 84)),
    "chair": Subject(furniture.draw_chair, (172, 112, 62)),
    "table": Subject(furniture.draw_table, (164, 108, 60)),
    "bench": Subject(furniture.draw_bench, (168, 110, 62)),
    "apple": Subject(food.draw_apple, (220, 40, 44)),
    "orange fruit": Subject(food.draw_orange, (255, 144, 24)),
    "banana": Subject(food.draw_banana, (255, 218, 50)),
    "tree": Subject(nature.draw_tree, (78, 156, 66)),
    "bear": Subject(wild.draw_bear, (134, 86, 52)),
    "panda": Subject(wild.draw_panda, (250, 250, 252)),
    "hat": Subject(things.draw_hat, (124, 82, 50)),
    "suitcase": Subject(things.draw_suitcase, (168, 96, 54)),
    "bag": Subject(things.draw_bag, (214, 96, 50)),
    "cup": Subject(things.draw_cup, (240, 240, 246)),
    "ball": Subject(things.draw_ball, (226, 50, 56)),
    "house": Subject(buildings.draw_house, (250, 236, 208)),
    "castle": Subject(buildings.draw_castle, (196, 190, 184)),
    "tower": Subject(buildings.draw_tower, (222, 56, 52)),
    "temple": Subject(buildings.draw_temple, (186, 62, 50)),
    "penguin": Subject(birds.draw_penguin, (46, 50, 66)),
    "duck": Subject(birds.draw_duck, (255, 214, 60)),
    "swan": Subject(birds.draw_swan, (250, 250, 252)),
    "owl": Subject(birds.draw_owl, (150, 104, 66)),
    "horse": Subject(farm.draw_horse, (158, 96, 54)),
    "unicorn": Subject(farm.draw_unicorn, (250, 250, 252)),
    "zebra": Subject(farm.draw_zebra, (250, 250, 252)),
    "bicycle": Subject(road_vehicles.draw_bicycle, (220, 50, 60)),
    "motorcycle": Subject(road_vehicles.draw_motorcycle, (206, 40, 44)),
    "flower": Subject(nature.draw_flower, (240, 96, 150)),
    "book": Subject(things.draw_book, (190, 50, 56)),
    "squirrel": Subject(pets.draw_squirrel, (184, 96, 46)),
    "fox": Subject(wild.draw_fox, (236, 112, 36)),
    "truck": Subject(road_vehicles.draw_truck, (50, 110, 200)),
    "bus": Subject(road_vehicles.draw_bus, (255, 196, 30)),
    "sheep": Subject(farm.draw_sheep, (248, 246, 238)),
    "cow": Subject(farm.draw_cow, (250, 248, 244)),
    "goat": Subject(farm.draw_goat, (226, 216, 200)),
    "pig": Subject(farm.draw_pig, (250, 170, 180)),
    "kangaroo": Subject(wild.draw_kangaroo, (190, 130, 80)),
    "shark": Subject(water.draw_shark, (104, 128, 156)),
    "whale": Subject(water.draw_whale, (66, 110, 176)),
    "dolphin": Subject(water.draw_dolphin, (104, 150, 196)),
    "umbrella": Subject(things.draw_umbrella, (214, 40, 60)),
    "cake": Subject(food.draw_cake, (244, 170, 190)),
    "pizza": Subject(food.draw_pizza, (255, 206, 90)),
    "phone": Subject(things.draw_phone, (50, 52, 64)),
    "laptop": Subject(things.draw_laptop, (170, 176, 190)),
    "dragon": Subject(wild.draw_dragon, (70, 160, 84)),
    "clock": Subject(things.draw_clock, (224, 60, 64)),
    "frog": Subject(pets.draw_frog, (104, 176, 64)),
    "snail": Subject(insects.draw_snail, (190, 120, 70)),
    "mouse": Subject(pets.draw_mouse, (160, 160, 172)),
    "moon": Subject(nature.draw_moon, (250, 240, 200)),
    "planet": Subject(nature.draw_planet, (230, 160, 90)),
    "lion": Subject(wild.draw_lion, (232, 176, 84)),
    "tiger": Subject(wild.draw_tiger, (246, 146, 44)),
    "guitar": Subject(things.draw_guitar, (206, 130, 60)),
    "piano": Subject(things.draw_piano, (40, 40, 50)),
    "monkey": Subject(wild.draw_monkey, (132, 84, 52)),
    "helicopter": Subject(road_vehicles.draw_helicopter, (40, 120, 200)),
    "drone": Subject(road_vehicles.draw_drone, (70, 76, 92)),
    "bee": Subject(insects.draw_bee, (255, 206, 40)),
    "giraffe": Subject(wild.draw_giraffe, (244, 196, 96)),
    "kite": Subject(things.draw_kite, (230, 60, 80)),
    "octopus": Subject(water.draw_octopus, (226, 90, 110)),
    "snowman": Subject(nature.draw_snowman, (250, 252, 255)),
    "mushroom": Subject(food.draw_mushroom, (218, 48, 48)),
    "star": Subject(nature.draw_star, (255, 214, 60)),
}


def colour_of(subject: str, colour: str) -> Colour:
    """Return a subject's base colour: the named one, or its natural one."""
    return SUBJECTS[subject].natural if colour == NATURAL else COLOURS[colour]
