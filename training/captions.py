"""Tell a scene in words: many templates and synonyms, so that people's own words are understood.

`draw_caption` returns a caption and the attributes it names; the model may choose the others.
`HELD_OUT_WORDS` are kept from training, to measure how far the encoder generalises.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.mini.scene import ATTRIBUTES, Scene

NOUNS: dict[str, tuple[str, ...]] = {
    "car": ("car", "automobile", "toy car", "little car", "vehicle", "taxi", "auto", "sedan"),
    "boat": ("boat", "ship", "sailing boat", "sailboat", "little boat", "vessel", "toy boat"),
    "train": ("train", "steam train", "locomotive", "railway train", "steam engine", "toy train"),
    "rocket": ("rocket", "spaceship", "space rocket", "rocket ship", "spacecraft"),
    "balloon": ("balloon", "hot air balloon", "hot-air balloon", "air balloon"),
    "robot": ("robot", "android", "little robot", "toy robot", "droid", "bot"),
    "cat": ("cat", "kitten", "kitty", "little cat", "pussycat", "house cat"),
    "rabbit": ("rabbit", "bunny", "hare", "little rabbit", "bunny rabbit"),
    "bird": ("bird", "little bird", "songbird", "sparrow", "birdie"),
    "fish": ("fish", "little fish", "goldfish", "fishy"),
    "butterfly": ("butterfly", "moth", "little butterfly", "big butterfly"),
    "turtle": ("turtle", "tortoise", "little turtle", "sea turtle"),
    "plane": ("plane", "airplane", "aeroplane", "aircraft", "toy plane", "propeller plane"),
    "elephant": ("elephant", "little elephant", "baby elephant", "jumbo"),
    "dinosaur": ("dinosaur", "dino", "little dinosaur", "baby dinosaur", "friendly dinosaur"),
    "child": ("child", "girl", "boy", "kid", "little girl", "little boy", "person", "toddler"),
}
COLOURS: dict[str, tuple[str, ...]] = {
    "red": ("red", "scarlet", "crimson", "bright red", "ruby", "cherry red"),
    "orange": ("orange", "bright orange", "tangerine", "amber"),
    "yellow": ("yellow", "golden", "bright yellow", "lemon", "sunny yellow", "gold"),
    "green": ("green", "emerald", "bright green", "lime green", "lime"),
    "blue": ("blue", "bright blue", "azure", "sky blue", "navy", "dark blue", "navy blue"),
    "purple": ("purple", "violet", "lilac", "lavender"),
    "pink": ("pink", "rose", "magenta", "hot pink", "rosy"),
    "brown": ("brown", "chocolate", "chestnut", "dark brown", "chocolate brown"),
    "white": ("white", "snow white", "ivory", "pale white", "pure white"),
    "black": ("black", "jet black", "dark black", "coal black", "ebony"),
}
PLACES: dict[str, tuple[str, ...]] = {
    "meadow": ("in a meadow", "on a meadow", "in the field", "in a green field", "on the grass",
               "in the grass", "over a meadow", "through a meadow", "on grassy hills", "in a field",
               "in the countryside", "on a grassy hill", "across green hills"),
    "forest": ("in a forest", "in the woods", "among the trees", "between pine trees",
               "in a pine forest", "through a forest", "through the woods", "in the forest",
               "in a wood", "over a forest"),
    "beach": ("on a beach", "at the beach", "by the sea", "on the sand by the sea",
              "at the seaside", "on the shore", "near the ocean", "by the ocean", "at the coast",
              "on the beach", "by the seaside", "on a sandy beach", "on a tropical beach"),
    "desert": ("in a desert", "in the desert", "among the dunes", "between cacti",
               "through the desert", "over the dunes", "in the sahara", "among cactuses",
               "on sand dunes"),
    "mountains": ("in the mountains", "in front of mountains", "under snowy peaks", "in the alps",
                  "among the mountains", "near a mountain", "below high peaks", "on a mountain",
                  "through the mountains", "over the mountains", "among rocky peaks"),
    "city": ("in a city", "in the city", "in a town street", "between skyscrapers", "downtown",
             "on a city street", "in front of tall buildings", "through the city", "over the city",
             "among tall buildings", "in the street", "on the street", "in a big city"),
    "village": ("in a village", "in the village", "between small houses", "by the church",
                "near cottages", "through a village", "in a small town", "among little houses",
                "in front of a church", "in a little village"),
    "lake": ("on a lake", "on the lake", "by a lake", "at the lake", "on the water", "over a lake",
             "by the lake", "near a lake", "across the lake", "on a pond", "at a pond",
             "over the water", "on a calm lake"),
    "snowfield": ("on a snowfield", "in a snowy field", "in a snowy landscape", "in the arctic",
                  "on white hills", "in a winter landscape", "on a snowy plain", "over the ice",
                  "in the snow field", "on snow covered hills", "in a white winter land",
                  "on snowy hills"),
    "garden": ("in a garden", "in the garden", "among flowers", "between flower beds",
               "in a flower garden", "in a park", "in the park", "in the backyard",
               "through a garden", "in a blooming garden", "among the flowers"),
}  # fmt: skip
TIMES: dict[str, tuple[str, ...]] = {
    "morning": ("in the morning", "at dawn", "at sunrise", "early in the morning", "at daybreak",
                "in the early morning", "in morning light", "as the sun rises"),
    "day": ("during the day", "at noon", "at midday", "in the daytime", "in bright daylight",
            "on a sunny day", "in the afternoon", "in full daylight", "in the sunshine", "by day",
            "under a blue sky"),
    "sunset": ("at sunset", "at dusk", "in the evening", "in the evening light", "at twilight",
               "as the sun sets", "at golden hour", "in the glow of sunset", "at the sunset"),
    "night": ("at night", "by night", "at midnight", "under the stars", "in the moonlight",
              "under a starry sky", "in the dark", "in the night", "under the moon",
              "by moonlight", "late at night"),
}  # fmt: skip
WEATHERS: dict[str, tuple[str, ...]] = {
    "clear": ("in clear weather", "under a clear sky", "on a clear day", "with no clouds",
              "in fine weather"),
    "rain": ("in the rain", "while it rains", "in rainy weather", "on a rainy day", "with rain",
             "in a rain shower", "in heavy rain", "it is raining", "while it is raining",
             "with rain falling", "in a storm", "in falling rain", "while rain falls",
             "rain is falling"),
    "snow": ("while it snows", "with snow falling", "in falling snow", "with snowflakes",
             "in a snow shower", "it is snowing", "in a snowstorm", "in snowfall",
             "while snow falls", "under falling snow", "snow is falling", "as snow falls"),
    "fog": ("in the fog", "in fog", "in mist", "on a foggy day", "in a misty haze", "in the mist",
            "with fog", "in thick fog", "covered in mist"),
}  # fmt: skip
MOTIONS: dict[str, tuple[str, ...]] = {
    "still": ("standing still", "not moving", "resting", "sitting", "waiting", "stands still",
              "stays in place", "is resting", "sits", "standing", "parked"),
    "right": ("moving to the right", "going right", "moves to the right", "heading right",
              "travelling to the right", "goes from left to right", "rushing to the right",
              "moving right", "drives to the right", "driving to the right", "flies to the right",
              "walks to the right", "swims to the right", "runs right", "flying right"),
    "left": ("moving to the left", "going left", "moves to the left", "heading left",
             "travelling to the left", "goes from right to left", "rushing to the left",
             "moving left", "drives to the left", "driving to the left", "flies to the left",
             "walks to the left", "swims to the left", "runs left", "flying left"),
    "rise": ("rising", "going up", "rises into the air", "flying upwards", "climbing up",
             "ascending", "takes off", "floating up", "lifting off", "moves up", "moving up",
             "flies up", "rising up", "soars up"),
    "fall": ("falling", "going down", "sinking", "descending", "floating down", "comes down",
             "falls from the sky", "landing", "moves down", "moving down", "drops down",
             "coming down"),
    "bounce": ("bouncing", "jumping", "hopping", "jumps up and down", "bounces", "hops",
               "leaping", "jumping up and down", "hopping around", "jumps"),
    "circle": ("circling", "going in circles", "moving in a circle", "flies in circles",
               "moves in circles", "going round and round", "flying in a circle", "spinning around",
               "turning in circles", "making circles"),
    "pace": ("going back and forth", "moving back and forth", "pacing", "pacing up and down",
             "moves to and fro", "walks back and forth", "running back and forth",
             "wandering about", "going to and fro", "driving back and forth"),
}  # fmt: skip
# What a subject does without a direction being named: no motion slot is filled.
VAGUE_MOTIONS = ("", "", "", "is", "appears", "can be seen", "in motion", "playing", "having fun")
CAMERAS: dict[str, tuple[str, ...]] = {
    "static": ("static camera", "the camera stays still", "fixed camera", "static shot",
               "locked camera", "tripod shot"),
    "pan left": ("the camera pans left", "camera pan left", "panning left", "pan to the left",
                 "the camera moves left", "camera pans to the left", "pan left"),
    "pan right": ("the camera pans right", "camera pan right", "panning right", "pan to the right",
                  "the camera moves right", "camera pans to the right", "pan right"),
    "tilt up": ("the camera tilts up", "camera tilt up", "tilting up", "the camera looks up",
                "tilt up", "the camera moves up"),
    "tilt down": ("the camera tilts down", "camera tilt down", "tilting down", "tilt down",
                  "the camera looks down", "the camera moves down"),
    "zoom in": ("the camera zooms in", "zoom in", "zooming in", "slow zoom in", "dolly in",
                "the camera moves closer", "push in", "close up"),
    "zoom out": ("the camera zooms out", "zoom out", "zooming out", "slow zoom out", "dolly out",
                 "the camera moves back", "pull back", "wide shot"),
    "follow": ("the camera follows", "tracking shot", "camera follows along", "follow cam",
               "the camera follows it", "the camera tracks it", "following shot",
               "the camera moves along"),
}  # fmt: skip
# Of a child. An adjective goes before the noun, the others after it.
EMOTIONS: dict[str, tuple[str, ...]] = {
    "happy": ("happy", "cheerful", "smiling", "joyful", "glad", "laughing"),
    "sad": ("sad", "crying", "unhappy", "sorrowful", "tearful", "gloomy"),
    "angry": ("angry", "furious", "mad", "grumpy", "cross"),
    "surprised": ("surprised", "astonished", "amazed", "startled", "shocked"),
    "sleepy": ("sleepy", "tired", "drowsy", "sleeping", "yawning", "dozing"),
}
RELATIONS: dict[str, tuple[str, ...]] = {
    "left of": ("to the left of", "left of", "on the left of", "at the left side of"),
    "right of": ("to the right of", "right of", "on the right of", "at the right side of"),
    "above": ("above", "over", "on top of", "higher than"),
    "below": ("below", "under", "beneath", "underneath"),
}
STYLES: dict[str, tuple[str, ...]] = {
    "flat": ("flat design", "flat illustration", "picture book style", "simple illustration"),
    "pastel": ("in pastel colours", "pastel style", "in soft pastels", "pale pastel illustration",
               "in soft pale colours", "pastel drawing"),
    "comic": ("comic style", "as a comic", "in comic book style", "with bold outlines",
              "with thick outlines", "cartoon with black outlines", "comic strip"),
    "papercut": ("paper cut style", "made of paper", "papercut", "as a paper collage",
                 "paper craft", "cut out of paper", "in paper cutout style"),
}  # fmt: skip
SIZES: dict[str, tuple[str, ...]] = {
    "small": ("small", "tiny", "little", "far away", "mini", "distant"),
    "medium": ("medium sized", "medium", "normal sized"),
    "large": ("large", "big", "huge", "giant", "enormous", "close"),
}
_TABLES = (
    NOUNS, COLOURS, PLACES, TIMES, WEATHERS, MOTIONS, CAMERAS, SIZES, EMOTIONS, RELATIONS, STYLES,
)  # fmt: skip
_PHRASES = {"place": PLACES, "time": TIMES, "weather": WEATHERS}
# Words that say nothing about the scene; people write them, the encoder learns to pass over them.
FILLER = (
    "a beautiful picture of", "a video of", "an illustration of", "a cute", "cartoon", "lovely",
    "high quality", "cinematic", "4k", "detailed", "a short clip showing", "please make", "show me",
    "imagine", "once upon a time", "animated", "i want to see", "colourful", "there is", "we see",
    "a scene with", "peaceful", "masterpiece", "best quality", "a film of", "slowly", "quickly",
    "very",
)  # fmt: skip
# Phrases never used in training captions: the paraphrase test of `training.evaluate`.
HELD_OUT_WORDS = frozenset(
    {"bunny rabbit", "house cat", "toy boat", "ruby", "tangerine", "chestnut", "in the backyard",
     "over the ice", "at daybreak", "late at night", "in a rain shower", "soars up", "push in",
     "baby dinosaur", "joyful", "startled", "beneath", "paper craft", "moves to and fro",
     "following shot"}
)  # fmt: skip


def development_words() -> frozenset[str]:
    """Choose half of the known phrases of each value, always the same: to tune without looking.

    A development run never sees them in training, as no run ever sees `HELD_OUT_WORDS`.
    """
    rng = np.random.default_rng(20261122)
    chosen: set[str] = set()
    for table in _TABLES:
        for options in table.values():
            known = [x for x in options[1:] if x not in HELD_OUT_WORDS]
            chosen |= {str(x) for x in rng.choice(known, (1 + len(known)) // 2, replace=False)}
    return frozenset(chosen)


def _choose(
    rng: np.random.Generator, options: tuple[str, ...], unseen: frozenset[str], *, held_out: bool
) -> str:
    known = [x for x in options if x not in unseen | HELD_OUT_WORDS]
    novel = [x for x in options if x in unseen]
    return _pick(rng, novel if held_out and novel else known)


def _pick(rng: np.random.Generator, options: list[str]) -> str:
    return options[int(rng.integers(len(options)))]


# Said where there is nobody to name.
NOBODY = ("", "a view", "a landscape", "scenery", "nobody", "an empty scene", "the view", "a place")


# How likely a caption names what the scene has.
_CHANCES = {
    "subject": 0.97, "colour": 0.9, "place": 0.85, "time": 0.75, "weather": 0.8, "motion": 0.7,
    "camera": 0.5, "size": 0.4, "emotion": 0.8, "companion": 1.0, "companion_colour": 0.9,
    "relation": 0.9, "style": 0.9,
}  # fmt: skip
_SELDOM_SAID = ("size", "weather", "style")


def _choose_named(scene: Scene, rng: np.random.Generator, *, complete: bool) -> dict[str, str]:
    """Choose what a caption names: of what goes without saying only now and then."""
    named = {
        name: value
        for name in ATTRIBUTES
        if (value := getattr(scene, name)) is not None
        and rng.random() < (1.0 if complete and name not in _SELDOM_SAID else _CHANCES[name])
    }
    if scene.weather == "clear" and rng.random() < 0.85:
        named.pop("weather", None)
    if scene.style == "flat" and rng.random() < 0.85:
        named.pop("style", None)
    if scene.camera == "static" and not complete and rng.random() < 0.5:
        named.pop("camera", None)
    return named


def _tell_subject(
    named: dict[str, str],
    rng: np.random.Generator,
    say: Callable[[str, dict[str, tuple[str, ...]]], list[str]],
) -> str:
    """Tell who is there, what they do and who is beside them."""
    adjectives = [say("size", SIZES), say("emotion", EMOTIONS), say("colour", COLOURS)]
    if rng.random() < 0.3:
        rng.shuffle(adjectives)
    noun = say("subject", NOUNS) or ["something"]
    article = str(rng.choice(["a", "the", "one", ""], p=[0.6, 0.2, 0.05, 0.15]))
    subject = " ".join([article, *(word for words in adjectives for word in words), *noun])
    if "motion" in named:
        does = (" is " if rng.random() < 0.3 else " ") + say("motion", MOTIONS)[0]
    else:
        does = " " + str(rng.choice(VAGUE_MOTIONS))
    other = ""
    if "companion" in named:
        joint = say("relation", RELATIONS) or [str(rng.choice(["and", "with", "next to"]))]
        other = " ".join(
            ["", *joint, "a", *say("companion_colour", COLOURS), *say("companion", NOUNS)]
        )
    return subject + (other + does if rng.random() < 0.5 else does + other)


def draw_caption(
    scene: Scene,
    rng: np.random.Generator,
    *,
    complete: bool = False,
    held_out: bool = False,
    unseen: frozenset[str] = HELD_OUT_WORDS,
) -> tuple[str, dict[str, str]]:
    """Draw a caption of a scene; return it and the attributes it names.

    A `complete` caption names every attribute but size, weather and style; `held_out` prefers the
    `unseen` phrases, that training never uses.
    """
    named = _choose_named(scene, rng, complete=complete)

    def say(name: str, table: dict[str, tuple[str, ...]]) -> list[str]:
        if name not in named:
            return []
        return [_choose(rng, table[named[name]], unseen, held_out=held_out)]

    body = _tell_subject(named, rng, say) if scene.subject else str(rng.choice(NOBODY))
    parts = [phrase for name, table in _PHRASES.items() for phrase in say(name, table)]
    rng.shuffle(parts)
    lead = parts.pop() if parts and rng.random() < 0.25 else None
    text = str(rng.choice([" ", ", ", " "])).join([body, *parts])
    if lead:
        text = f"{lead}{rng.choice([', ', ' '])}{text}"
    if rng.random() < 0.3:
        text = f"{rng.choice(FILLER)} {text}"
    if rng.random() < 0.15:
        text = f"{text}, {rng.choice(FILLER)}"
    for phrase in [*say("style", STYLES), *say("camera", CAMERAS)]:
        text = (
            f"{phrase}: {text}"
            if rng.random() < 0.2
            else f"{text}{rng.choice([', ', '. ', '; '])}{phrase}"
        )
    return " ".join(text.split()), named


# What is in phrases and names nothing by itself.
_FUNCTION_WORDS = (
    "a the one something is next to , . ; : ! ? - and with of in on at by it its as an there we "
    "me i up down left right out from into through over under near between among no not while"
)


def vocabulary(unseen: frozenset[str] = HELD_OUT_WORDS) -> list[str]:
    """List every word a training caption can hold, sorted; words of unseen phrases are not."""
    phrases = [x for options in _known_phrases(unseen).values() for x in options]
    return _words_of([*phrases, *FILLER, *VAGUE_MOTIONS, *NOBODY, _FUNCTION_WORDS])


def meanings(unseen: frozenset[str] = HELD_OUT_WORDS) -> dict[str, frozenset[str]]:
    """Map each word that can name something by itself to the values whose phrases have it."""
    passing = set(_words_of([*FILLER, *VAGUE_MOTIONS, *NOBODY, _FUNCTION_WORDS]))
    found: dict[str, set[str]] = {}
    for value, phrases in _known_phrases(unseen).items():
        for word in set(_words_of(phrases)) - passing:
            found.setdefault(word, set()).add(value)
    return {word: frozenset(values) for word, values in sorted(found.items())}


def _known_phrases(unseen: frozenset[str]) -> dict[str, list[str]]:
    return {
        value: [x for x in options if x not in unseen | HELD_OUT_WORDS]
        for table in _TABLES
        for value, options in table.items()
    }


def _words_of(phrases: list[str]) -> list[str]:
    """Split phrases as the tokenizer does."""
    words = " ".join(phrases).lower()
    for mark in ",.;:!?-":
        words = words.replace(mark, f" {mark} ")
    return sorted(set(words.split()))
