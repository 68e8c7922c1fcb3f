"""Words that name nothing, and phrases that training never sees."""

from __future__ import annotations

# Words that say nothing about the scene; people write them, the encoder learns to pass over them.
FILLER = (
    "a beautiful picture of", "a video of", "an illustration of", "a cute", "cartoon", "lovely",
    "high quality", "cinematic", "4k", "detailed", "a short clip showing", "please make", "show me",
    "imagine", "once upon a time", "animated", "i want to see", "colourful", "there is", "we see",
    "a scene with", "peaceful", "masterpiece", "best quality", "a film of", "slowly", "quickly",
    "very", "cinematic shot of", "drone shot of", "a photo of", "a clip of", "aerial view of",
    "macro shot of", "pixar style", "photorealistic", "8k", "ultra detailed", "slow motion",
    "timelapse of", "hyperrealistic", "stunning", "beautiful", "adorable", "fluffy", "majestic",
    "cozy", "old", "young", "wide angle", "shallow depth of field", "dreamy", "magical",
    "a view of", "realistic", "dramatic lighting", "soft light", "bokeh", "35mm film", "epic",
    "a shot of", "medium shot", "low angle", "funny", "playful", "vintage", "wooden", "modern",
)  # fmt: skip

# Said where there is nobody to name.
NOBODY = ("", "a view", "a landscape", "scenery", "nobody", "an empty scene", "the view", "a place")

# What is in phrases and names nothing by itself.
FUNCTION_WORDS = (
    "a the one something is next to , . ; : ! ? - and with of in on at by it its as an there we "
    "me i her his their while who is are has up down left right out "
    "from into through over under near between among no not while"
)

# Phrases never used in training captions: the paraphrase test of `training.evaluate`.
HELD_OUT_WORDS = frozenset(
    {"bunny rabbit", "house cat", "toy boat", "ruby", "tangerine", "chestnut", "in the backyard",
     "over the ice", "at daybreak", "late at night", "in a rain shower", "soars up", "push in",
     "baby dinosaur", "joyful", "startled", "beneath", "paper craft", "moves to and fro",
     "following shot", "golden retriever", "teacup", "motorbike", "bumblebee", "pagoda", "rucksack",
     "grizzly", "crescent moon", "in springtime", "in a coffee shop", "on the lunar surface",
     "strolling", "in orbit", "toadstool", "lorry", "on a ranch", "twirling", "brunette",
     "running after", "a pair of", "in an arena", "on a coral reef", "gentleman", "by the stove"}
)  # fmt: skip

# What the world does not have: where it is named, no subject is, and nothing of one.
UNKNOWN_NOUNS = (
    "crocodile", "alligator", "camel", "spider", "ant", "ladybug", "beetle", "hedgehog", "raccoon",
    "wolf", "deer", "moose", "koala", "hippo", "rhinoceros", "rhino", "jellyfish", "crab",
    "lobster", "seahorse", "starfish", "seal", "otter", "beaver", "peacock", "flamingo", "rooster",
    "hen", "chicken", "turkey", "ostrich", "donkey", "llama", "snake", "lizard", "chameleon", "bat",
    "caterpillar", "worm", "scorpion", "meerkat", "sloth", "wizard", "witch", "mermaid", "zombie",
    "ghost", "vampire", "knight", "pirate", "santa claus", "elf", "fairy", "angel", "alien", "ufo",
    "monster", "skeleton", "mummy", "superhero", "ninja", "samurai", "lemon", "strawberry",
    "cherry", "grape", "pear", "pineapple", "watermelon", "carrot", "broccoli", "tomato", "potato",
    "onion", "corn", "bread", "cheese", "egg", "burger", "hamburger", "hot dog", "sandwich",
    "sushi", "spaghetti", "noodles", "salad", "donut", "cookie", "chocolate bar", "ice cream",
    "candy", "popcorn", "violin", "drum", "trumpet", "saxophone", "flute", "harp", "microphone",
    "camera", "television", "radio", "headphones", "lamp", "candle", "mirror", "bed", "couch",
    "pillow", "blanket", "refrigerator", "oven", "toaster", "microwave", "washing machine", "sink",
    "toilet", "bathtub", "scissors", "knife", "fork", "spoon", "plate", "key", "pen", "pencil",
    "newspaper", "letter", "sunglasses", "shoe", "boots", "glove", "scarf", "ring",
    "necklace", "crown", "toothbrush", "hair dryer", "comb", "hammer", "axe", "sword", "gun",
    "tractor", "excavator", "tank", "submarine", "parachute", "sled", "skateboard", "surfboard",
    "skis", "frisbee", "racket", "tent", "flag", "statue", "fountain", "bridge", "ferris wheel",
    "roller coaster", "carousel", "pyramid", "igloo", "volcano", "lava", "tornado", "lightning",
    "rainbow", "fireworks", "campfire", "explosion", "smoke", "meteor", "comet", "satellite",
    "telescope", "traffic light", "stop sign", "fire hydrant", "parking meter", "mailbox",
    "trash can", "ladder", "chain", "gear", "leaf", "feather", "paint", "ink", "heart", "skull",
    "domino", "chess board", "puzzle", "chart", "abstract shape", "band", "choir", "army", "crowd",
)  # fmt: skip
