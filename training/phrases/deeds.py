"""Phrases for motions, camera moves, emotions, relations and sizes."""

from __future__ import annotations

MOTIONS: dict[str, tuple[str, ...]] = {
    "still": (
        "standing still", "not moving", "resting", "sitting", "waiting", "stands still",
        "stays in place", "is resting", "sits", "standing", "parked", "motionless",
        "standing there", "staying still", "remains still", "stays put", "is waiting",
        "does not move", "holding still", "sits still", "sitting still", "at rest",
        "without moving", "stationary", "stays where it is",
    ),
    "right": (
        "moving to the right", "going right", "moves to the right", "heading right",
        "travelling to the right", "goes from left to right", "rushing to the right",
        "moving right", "drives to the right", "driving to the right", "flies to the right",
        "walks to the right", "swims to the right", "runs right", "flying right",
        "gliding to the right", "rolling to the right", "sails to the right",
        "hurrying to the right", "racing to the right", "crossing from left to right",
        "going to the right", "goes right", "walking to the right", "walks right",
        "runs to the right", "running to the right", "sailing to the right",
        "swimming to the right", "flies right", "drives right", "driving right",
        "passing from left to right",
    ),
    "left": (
        "moving to the left", "going left", "moves to the left", "heading left",
        "travelling to the left", "goes from right to left", "rushing to the left", "moving left",
        "drives to the left", "driving to the left", "flies to the left", "walks to the left",
        "swims to the left", "runs left", "flying left", "gliding to the left",
        "rolling to the left", "sails to the left", "hurrying to the left", "racing to the left",
        "crossing from right to left", "going to the left", "goes left", "walking to the left",
        "walks left", "runs to the left", "running to the left", "sailing to the left",
        "swimming to the left", "flies left", "drives left", "driving left",
        "passing from right to left",
    ),
    "rise": (
        "rising", "going up", "rises into the air", "flying upwards", "climbing up", "ascending",
        "takes off", "floating up", "lifting off", "moves up", "moving up", "flies up",
        "rising up", "soars up", "goes up", "goes upwards", "climbs into the sky", "launching",
        "launches into the sky", "lifts off", "taking off", "rises", "rises up",
        "rising into the sky", "floats upwards", "ascends", "climbing into the sky",
        "flying into the sky", "floats up", "drifting upwards", "drifts up", "moving upwards",
        "blasting off",
    ),
    "fall": (
        "falling", "going down", "sinking", "descending", "floating down", "comes down",
        "falls from the sky", "landing", "moves down", "moving down", "drops down", "coming down",
        "falls", "drops", "descends", "floats down", "sinks", "going downwards", "is landing",
        "coming in to land", "lands", "drifting down", "drifts down", "gliding down",
        "touching down", "moving downwards", "tumbling down", "dropping", "plunging", "falls down",
        "falling down", "sinking down",
    ),
    "bounce": (
        "bouncing", "jumping", "hopping", "jumps up and down", "bounces", "hops", "leaping",
        "jumping up and down", "hopping around", "jumps", "hops up and down",
        "bouncing up and down", "hops around", "jumping around", "bounces up and down", "skipping",
        "leaps", "leaps up and down", "springs up and down", "bobbing up and down",
        "bouncing around", "jumps around", "jumping on the spot",
    ),
    "circle": (
        "circling", "going in circles", "moving in a circle", "flies in circles",
        "moves in circles", "going round and round", "flying in a circle", "spinning around",
        "turning in circles", "making circles", "moving around in circles",
        "goes round in circles", "circles", "circles around", "flies around in circles",
        "running in circles", "swims in circles", "driving in circles", "spinning in circles",
        "goes around in a circle", "doing loops", "looping around", "walks in circles",
        "turning round and round", "orbiting", "drives in circles",
    ),
    "pace": (
        "going back and forth", "moving back and forth", "pacing", "pacing up and down",
        "moves to and fro", "walks back and forth", "running back and forth", "wandering about",
        "going to and fro", "driving back and forth", "walking to and fro",
        "walking back and forth", "goes back and forth", "drives back and forth",
        "swims back and forth", "flies back and forth", "flying back and forth",
        "moves back and forth", "strolling about", "wandering to and fro",
        "wanders back and forth", "running to and fro", "patrolling", "paces",
        "shuttling back and forth",
    ),
}  # fmt: skip

CAMERAS: dict[str, tuple[str, ...]] = {
    "static": (
        "static camera", "the camera stays still", "fixed camera", "static shot", "locked camera",
        "tripod shot", "still camera", "the camera does not move", "the camera is static",
        "no camera movement", "stationary camera", "the camera is fixed", "steady camera",
        "locked off shot", "fixed shot", "the camera stands still",
    ),
    "pan left": (
        "the camera pans left", "camera pan left", "panning left", "pan to the left",
        "the camera moves left", "camera pans to the left", "pan left", "camera panning left",
        "the camera slides left", "the camera pans to the left", "pans left", "camera moves left",
        "the camera turns left", "left pan", "the camera swings left",
        "the camera moves to the left", "slow pan left", "pan slowly to the left",
    ),
    "pan right": (
        "the camera pans right", "camera pan right", "panning right", "pan to the right",
        "the camera moves right", "camera pans to the right", "pan right", "camera panning right",
        "the camera slides right", "the camera pans to the right", "pans right",
        "camera moves right", "the camera turns right", "right pan", "the camera swings right",
        "the camera moves to the right", "slow pan right", "pan slowly to the right",
    ),
    "tilt up": (
        "the camera tilts up", "camera tilt up", "tilting up", "the camera looks up", "tilt up",
        "the camera moves up", "camera tilting up", "the camera tilts upwards", "camera looks up",
        "upward tilt", "the camera rises", "tilts up", "the camera pans up", "pan up",
        "slow tilt up",
    ),
    "tilt down": (
        "the camera tilts down", "camera tilt down", "tilting down", "tilt down",
        "the camera looks down", "the camera moves down", "camera tilting down",
        "the camera tilts downwards", "camera looks down", "downward tilt", "the camera lowers",
        "tilts down", "the camera pans down", "pan down", "slow tilt down",
    ),
    "zoom in": (
        "the camera zooms in", "zoom in", "zooming in", "slow zoom in", "dolly in",
        "the camera moves closer", "push in", "close up", "camera zooms in", "zooms in",
        "camera moves closer", "the camera gets closer", "moving in closer", "the camera moves in",
        "the camera comes closer", "slowly zooming in", "dolly forward", "zoom into the scene",
        "the camera approaches",
    ),
    "zoom out": (
        "the camera zooms out", "zoom out", "zooming out", "slow zoom out", "dolly out",
        "the camera moves back", "pull back", "wide shot", "camera zooms out", "zooms out",
        "the camera moves away", "slowly zooming out", "the camera backs away",
        "the camera pulls back", "pulling back", "dolly back", "the camera goes back",
        "the camera gets farther away", "the camera retreats",
    ),
    "follow": (
        "the camera follows", "tracking shot", "camera follows along", "follow cam",
        "the camera follows it", "the camera tracks it", "following shot",
        "the camera moves along", "the camera tracks the subject",
        "the camera follows the subject", "camera tracks along", "the camera keeps up",
        "the camera goes along", "tracking camera", "camera follows it",
        "the camera travels along", "the camera stays with it", "the camera moves with it",
        "chase camera",
    ),
}  # fmt: skip

# Of a child. An adjective goes before the noun, the others after it.
EMOTIONS: dict[str, tuple[str, ...]] = {
    "happy": (
        "happy", "cheerful", "smiling", "joyful", "glad", "laughing", "delighted", "merry",
        "jolly", "pleased", "grinning", "excited", "beaming",
    ),
    "sad": (
        "sad", "crying", "unhappy", "sorrowful", "tearful", "gloomy", "weeping", "miserable",
        "upset", "heartbroken", "sobbing", "melancholy",
    ),
    "angry": (
        "angry", "furious", "mad", "grumpy", "cross", "annoyed", "enraged", "raging", "irritated",
        "scowling", "outraged",
    ),
    "surprised": (
        "surprised", "astonished", "amazed", "startled", "shocked", "stunned", "astounded",
        "wide eyed", "gasping", "bewildered",
    ),
    "sleepy": (
        "sleepy", "tired", "drowsy", "sleeping", "yawning", "dozing", "exhausted", "weary",
        "asleep", "snoozing", "snoring", "half asleep", "napping",
    ),
}  # fmt: skip

RELATIONS: dict[str, tuple[str, ...]] = {
    "left of": (
        "to the left of", "left of", "on the left of", "at the left side of",
        "on the left side of", "to the left side of",
    ),
    "right of": (
        "to the right of", "right of", "on the right of", "at the right side of",
        "on the right side of", "to the right side of",
    ),
    "above": (
        "above", "over", "on top of", "higher than", "high above", "up above", "higher up than",
    ),
    "below": (
        "below", "under", "beneath", "underneath", "lower than", "down below", "far below",
    ),
}  # fmt: skip

SIZES: dict[str, tuple[str, ...]] = {
    "small": (
        "small", "tiny", "little", "far away", "mini", "distant", "miniature", "wee", "petite",
        "minuscule", "faraway",
    ),
    "medium": (
        "medium sized", "medium", "normal sized", "mid sized", "average sized", "ordinary sized",
        "regular sized",
    ),
    "large": (
        "large", "big", "huge", "giant", "enormous", "close", "gigantic", "massive", "very big",
        "very large", "colossal", "oversized",
    ),
}  # fmt: skip

# How all but people go somewhere, wherever to; of people these words name an action.
GOING = (
    "moving",
    "going",
    "travelling",
    "running",
    "runs",
    "walking",
    "walks",
    "driving",
    "drives",
    "driving along",
    "drives down",
    "flying",
    "flies",
    "flying over",
    "soaring",
    "soars",
    "swimming",
    "swims",
    "swims among",
    "sailing",
    "sails",
    "galloping",
    "gallops",
    "trotting",
    "racing",
    "races",
    "rushing",
    "speeding",
    "cruising",
    "gliding",
    "glides",
    "crawling",
    "crawls",
    "marching",
    "rolling",
    "rolls",
    "floating by",
    "passing",
    "passing by",
    "passes",
    "crossing",
    "crosses",
    "drifting",
    "drifts",
    "wandering",
    "roaming",
    "sprinting",
    "dashing",
    "riding",
    "chugging",
    "on its way",
    "is moving",
    "is running",
    "is flying",
    "is swimming",
)
MOTIONS["right"] += GOING
# What one does with another where the world shows no more than that they are together.
TOGETHER = (
    "feeding",
    "feeds",
    "watching",
    "watches",
    "looking at",
    "near",
    "behind",
    "in front of",
    "walking with",
    "walking past",
    "talking to",
    "painting",
    "washing",
    "cleaning",
    "baking",
    "cooking",
    "buying",
    "selling",
    "fixing",
    "fighting",
    "hugging",
    "petting",
    "training",
    "meeting",
    "visiting",
    "pushing",
    "pulling",
    "drawing",
    "opening",
    "building",
    "walking",
    "leaning against",
    "past",
    "by",
    "around",
    "together with",
    "surrounded by",
    "full of",
)
# What a subject does without a direction being named: no motion slot is filled.
VAGUE_MOTIONS = ("", "", "", "is", "appears", "can be seen", "in motion", "playing", "having fun")
# What a grown-up does.
ACTIONS: dict[str, tuple[str, ...]] = {
    "stand": ("standing", "stands", "standing upright", "stands there", "posing", "poses",
              "looking around", "is standing", "waiting"),
    "walk": ("walking", "walks", "strolling", "strolls", "is walking", "taking a walk",
             "wandering", "hiking", "marching", "striding", "goes for a walk", "hikes"),
    "run": ("running", "runs", "jogging", "jogs", "sprinting", "is running", "racing",
            "sprints", "dashing", "exercising"),
    "dance": ("dancing", "dances", "is dancing", "doing ballet", "twirling", "performing",
              "dancing happily", "cheering", "celebrating", "partying", "performs"),
    "sit": ("sitting", "sits", "is sitting", "seated", "sitting down", "resting on a stool",
            "is seated", "sitting quietly", "relaxing", "reading", "working", "eating"),
    "wave": ("waving", "waves", "is waving", "saying hello", "greeting", "waving hello",
             "waves at the camera", "waving goodbye", "saying goodbye"),
    "ride": ("riding",),
}  # fmt: skip
# Of a grown-up: after the noun.
OUTFITS: dict[str, tuple[str, ...]] = {
    "dress": ("in a {} dress", "wearing a {} dress", "in a long {} dress", "in a {} gown",
              "with a {} skirt", "in a {} skirt"),
    "trousers": ("in a {} shirt", "wearing a {} shirt", "in a {} jacket", "in a {} coat",
                 "with a {} sweater", "wearing a {} jacket", "in a {} suit", "in {} clothes"),
}  # fmt: skip
HAIRS: dict[str, tuple[str, ...]] = {
    "black": ("black haired", "dark haired", "with black hair", "with dark hair"),
    "brown": ("brown haired", "with brown hair", "brunette"),
    "blond": ("blond", "blonde", "with blonde hair", "with golden hair", "fair haired",
              "with long blonde hair"),
    "red": ("red haired", "with red hair", "ginger", "with ginger hair"),
    "grey": ("grey haired", "with grey hair", "with white hair", "gray haired", "elderly"),
}  # fmt: skip
RELATIONS |= {
    "riding": ("riding", "rides", "riding on", "on the back of", "is riding", "riding on top of",
               "driving", "sailing", "steering"),
    "holding": ("holding", "holds", "carrying", "with", "is holding", "carries",
                "playing with", "playing", "playing the", "plays", "reading", "reads",
                "drinking from", "eating", "eats", "using", "throwing", "kicking", "flying"),
    "wearing": ("wearing", "wears", "with", "in", "is wearing"),
    "chasing": ("chasing", "chases", "running after", "is chasing", "following", "hunting",
                "runs after"),
    "on": ("on", "on top of", "sitting on", "standing on", "sits on", "lying on", "upon",
           "sleeping on"),
}  # fmt: skip
RELATIONS["above"] = tuple(x for x in RELATIONS["above"] if x != "on top of")
COUNTS: dict[str, tuple[str, ...]] = {
    "one": ("one", "a single", "a lone"),
    "two": ("two", "a pair of", "a couple of", "both", "2", "twin"),
    "three": ("three", "a group of", "several", "some", "a few", "3", "many", "a herd of",
              "a flock of", "four", "five", "a bunch of", "a family of"),
}  # fmt: skip
