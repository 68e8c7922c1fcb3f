"""The phrases that captions are made of: what people call the things of the embedded model's world.

Every table maps a value of an attribute to phrases that name it. `HELD_OUT_WORDS` are kept out of
training, to measure how well the text encoder generalizes.
"""

from __future__ import annotations

NOUNS: dict[str, tuple[str, ...]] = {
    "car": (
        "car", "automobile", "toy car", "little car", "vehicle", "taxi", "auto", "sedan",
        "race car", "sports car", "motorcar", "cab", "convertible", "minivan", "hatchback", "jeep",
    ),
    "boat": (
        "boat", "ship", "sailing boat", "sailboat", "little boat", "vessel", "toy boat", "yacht",
        "sailing ship", "rowing boat", "fishing boat", "dinghy", "ferry", "sloop",
    ),
    "train": (
        "train", "steam train", "locomotive", "railway train", "steam engine", "toy train",
        "express train", "passenger train", "railway engine", "freight train", "choo choo train",
    ),
    "rocket": (
        "rocket", "spaceship", "space rocket", "rocket ship", "spacecraft", "space ship",
        "space shuttle", "starship", "moon rocket",
    ),
    "balloon": (
        "balloon", "hot air balloon", "hot-air balloon", "air balloon", "party balloon",
        "flying balloon", "helium balloon",
    ),
    "robot": (
        "robot", "android", "little robot", "toy robot", "droid", "bot", "automaton",
        "humanoid robot", "mechanical man", "metal robot", "cyborg", "baby robot",
    ),
    "cat": (
        "cat", "kitten", "kitty", "little cat", "pussycat", "house cat", "tabby", "tabby cat",
        "tomcat", "feline", "pet cat", "baby cat",
    ),
    "rabbit": (
        "rabbit", "bunny", "hare", "little rabbit", "bunny rabbit", "little bunny", "baby rabbit",
        "pet rabbit", "jackrabbit", "easter bunny",
    ),
    "bird": (
        "bird", "little bird", "songbird", "sparrow", "birdie", "robin", "finch", "swallow",
        "seagull", "pigeon", "dove", "canary", "parrot", "baby bird",
    ),
    "fish": (
        "fish", "little fish", "goldfish", "fishy", "tropical fish", "trout", "carp", "clownfish",
        "sea fish", "salmon",
    ),
    "butterfly": (
        "butterfly", "moth", "little butterfly", "big butterfly", "monarch butterfly", "monarch",
        "pretty butterfly",
    ),
    "turtle": (
        "turtle", "tortoise", "little turtle", "sea turtle", "terrapin", "land turtle",
        "water turtle", "baby turtle",
    ),
    "plane": (
        "plane", "airplane", "aeroplane", "aircraft", "toy plane", "propeller plane", "jet",
        "jet plane", "airliner", "passenger plane", "biplane", "glider",
    ),
    "elephant": (
        "elephant", "little elephant", "baby elephant", "jumbo", "elephant calf",
        "african elephant", "circus elephant", "elephants",
    ),
    "dinosaur": (
        "dinosaur", "dino", "little dinosaur", "baby dinosaur", "friendly dinosaur",
        "tyrannosaurus", "brontosaurus", "stegosaurus", "raptor", "cute dino",
        "prehistoric dinosaur",
    ),
    "child": (
        "child", "girl", "boy", "kid", "little girl", "little boy", "person", "toddler",
        "youngster", "schoolgirl", "schoolboy", "young girl", "young boy", "woman", "man", "lady",
        "baby", "human",
    ),
}  # fmt: skip
COLOURS: dict[str, tuple[str, ...]] = {
    "red": (
        "red", "scarlet", "crimson", "bright red", "ruby", "cherry red", "vermilion", "cardinal",
        "burgundy", "maroon", "cherry", "blood red", "fire red", "deep red", "dark red",
        "strawberry red",
    ),
    "orange": (
        "orange", "bright orange", "tangerine", "amber", "apricot", "pumpkin", "pumpkin orange",
        "carrot", "deep orange", "dark orange", "mandarin",
    ),
    "yellow": (
        "yellow", "golden", "bright yellow", "lemon", "sunny yellow", "gold", "canary yellow",
        "mustard", "lemon yellow", "banana yellow", "pale yellow", "saffron", "deep yellow",
    ),
    "green": (
        "green", "emerald", "bright green", "lime green", "lime", "olive", "mint", "mint green",
        "forest green", "grass green", "jade", "dark green", "light green", "leaf green",
    ),
    "blue": (
        "blue", "bright blue", "azure", "sky blue", "navy", "dark blue", "navy blue", "cobalt",
        "cobalt blue", "sapphire", "light blue", "royal blue", "cyan", "pale blue", "baby blue",
        "deep blue",
    ),
    "purple": (
        "purple", "violet", "lilac", "lavender", "plum", "mauve", "amethyst", "deep purple",
        "dark purple", "light purple", "grape", "royal purple",
    ),
    "pink": (
        "pink", "rose", "magenta", "hot pink", "rosy", "light pink", "pale pink", "fuchsia",
        "bubblegum pink", "baby pink", "blush", "deep pink", "candy pink",
    ),
    "brown": (
        "brown", "chocolate", "chestnut", "dark brown", "chocolate brown", "tan", "hazel",
        "mahogany", "coffee brown", "caramel", "walnut", "cocoa", "light brown", "nut brown",
        "cinnamon",
    ),
    "white": (
        "white", "snow white", "ivory", "pale white", "pure white", "snowy white", "milky white",
        "bright white", "cream", "off white", "alabaster", "pearl white", "milk white",
    ),
    "black": (
        "black", "jet black", "dark black", "coal black", "ebony", "pitch black", "inky black",
        "onyx", "raven black", "deep black", "obsidian", "charcoal", "inky",
    ),
}  # fmt: skip
PLACES: dict[str, tuple[str, ...]] = {
    "meadow": (
        "in a meadow", "on a meadow", "in the field", "in a green field", "on the grass",
        "in the grass", "over a meadow", "through a meadow", "on grassy hills", "in a field",
        "in the countryside", "on a grassy hill", "across green hills", "in a pasture",
        "on a green hill", "on the prairie", "in the meadow", "in tall grass",
        "in the green fields", "across a meadow", "on a lawn", "in a grassland", "on the plains",
        "across the fields",
    ),
    "forest": (
        "in a forest", "in the woods", "among the trees", "between pine trees", "in a pine forest",
        "through a forest", "through the woods", "in the forest", "in a wood", "over a forest",
        "in a woodland", "in the jungle", "under the trees", "in a thicket", "deep in the forest",
        "in a grove", "between the trees", "in the rainforest", "among tall pines",
        "deep in the woods",
    ),
    "beach": (
        "on a beach", "at the beach", "by the sea", "on the sand by the sea", "at the seaside",
        "on the shore", "near the ocean", "by the ocean", "at the coast", "on the beach",
        "by the seaside", "on a sandy beach", "on a tropical beach", "on the seashore",
        "by the shore", "at the shore", "on the coast", "along the beach", "at the ocean",
        "by the waves", "at the seashore", "beside the sea", "along the shore",
    ),
    "desert": (
        "in a desert", "in the desert", "among the dunes", "between cacti", "through the desert",
        "over the dunes", "in the sahara", "among cactuses", "on sand dunes", "in a sandy desert",
        "in a dry desert", "on a dune", "across the desert", "in the dunes",
        "in a sandy wasteland", "near a cactus", "in the hot desert", "among the cacti",
        "in the gobi",
    ),
    "mountains": (
        "in the mountains", "in front of mountains", "under snowy peaks", "in the alps",
        "among the mountains", "near a mountain", "below high peaks", "on a mountain",
        "through the mountains", "over the mountains", "among rocky peaks",
        "high in the mountains", "on a mountain top", "on a mountain peak", "on a summit",
        "in the highlands", "in the himalayas", "in the rockies", "at the foot of a mountain",
        "among high mountains", "in a mountain valley", "across the mountains", "on a mountainside",
    ),
    "city": (
        "in a city", "in the city", "in a town street", "between skyscrapers", "downtown",
        "on a city street", "in front of tall buildings", "through the city", "over the city",
        "among tall buildings", "in the street", "on the street", "in a big city",
        "in the metropolis", "in an urban street", "in a busy street", "between high buildings",
        "on an avenue", "on the boulevard", "among skyscrapers", "in new york",
        "past tall buildings", "on a busy road", "in traffic", "in tokyo", "on the road",
    ),
    "village": (
        "in a village", "in the village", "between small houses", "by the church", "near cottages",
        "through a village", "in a small town", "among little houses", "in front of a church",
        "in a little village", "in a hamlet", "in a tiny village", "among cottages",
        "near a church", "in the old village", "past the houses", "between cottages",
        "in a country village", "near the houses", "beside the church", "in front of small houses",
        "by a cottage",
    ),
    "lake": (
        "on a lake", "on the lake", "by a lake", "at the lake", "on the water", "over a lake",
        "by the lake", "near a lake", "across the lake", "on a pond", "at a pond",
        "over the water", "on a calm lake", "beside a lake", "at the lakeside", "on the lakeshore",
        "near the lake", "on a river", "by a pond", "near a pond", "on the pond", "along the lake",
        "in the water", "on the river", "on a lagoon", "on still water",
    ),
    "snowfield": (
        "on a snowfield", "in a snowy field", "in a snowy landscape", "in the arctic",
        "on white hills", "in a winter landscape", "on a snowy plain", "over the ice",
        "in the snow field", "on snow covered hills", "in a white winter land", "on snowy hills",
        "in the snow", "on the snow", "in a frozen landscape", "at the north pole",
        "in antarctica", "on the tundra", "in deep snow", "across the snow", "in a frozen field",
        "in a wintry landscape", "on a glacier", "in a land of snow",
    ),
    "garden": (
        "in a garden", "in the garden", "among flowers", "between flower beds",
        "in a flower garden", "in a park", "in the park", "in the backyard", "through a garden",
        "in a blooming garden", "among the flowers", "in an orchard", "in a flower bed",
        "among the tulips", "in a blossoming garden", "among blossoms", "in the flower garden",
        "between the flowers", "in a botanical garden", "among daisies", "in a vegetable garden",
        "in the orchard", "in a playground",
    ),
}  # fmt: skip
TIMES: dict[str, tuple[str, ...]] = {
    "morning": (
        "in the morning", "at dawn", "at sunrise", "early in the morning", "at daybreak",
        "in the early morning", "in morning light", "as the sun rises", "at first light",
        "at the crack of dawn", "at sunup", "in the morning light", "in the morning sun",
        "as the sun comes up", "in the dawn light", "one morning", "on an early morning",
        "during sunrise", "just after sunrise", "at early dawn", "in the mornings",
    ),
    "day": (
        "during the day", "at noon", "at midday", "in the daytime", "in bright daylight",
        "on a sunny day", "in the afternoon", "in full daylight", "in the sunshine", "by day",
        "under a blue sky", "in daylight", "at lunchtime", "in broad daylight",
        "in the middle of the day", "under the midday sun", "in the sun", "in sunlight",
        "under a bright sun", "under a sunny sky", "at high noon", "around noon", "during daytime",
        "on a bright day", "in the early afternoon",
    ),
    "sunset": (
        "at sunset", "at dusk", "in the evening", "in the evening light", "at twilight",
        "as the sun sets", "at golden hour", "in the glow of sunset", "at the sunset",
        "at sundown", "at nightfall", "in the dusk", "in the twilight", "during sunset",
        "in the setting sun", "in evening light", "just before sunset", "on a warm evening",
        "one evening", "this evening", "in the last light of the day", "while the sun sets",
        "in the evenings",
    ),
    "night": (
        "at night", "by night", "at midnight", "under the stars", "in the moonlight",
        "under a starry sky", "in the dark", "in the night", "under the moon", "by moonlight",
        "late at night", "after dark", "in the middle of the night", "in the darkness",
        "under a full moon", "on a dark night", "on a starry night", "on a moonlit night",
        "during the night", "after midnight", "in moonlight", "under a dark sky", "one night",
        "tonight", "at nighttime", "under the night sky", "past midnight", "in starlight",
    ),
}  # fmt: skip
WEATHERS: dict[str, tuple[str, ...]] = {
    "clear": (
        "in clear weather", "under a clear sky", "on a clear day", "with no clouds",
        "in fine weather", "under a cloudless sky", "with a clear sky", "in nice weather",
        "in good weather", "without a cloud", "in beautiful weather",
    ),
    "rain": (
        "in the rain", "while it rains", "in rainy weather", "on a rainy day", "with rain",
        "in a rain shower", "in heavy rain", "it is raining", "while it is raining",
        "with rain falling", "in a storm", "in falling rain", "while rain falls",
        "rain is falling", "in pouring rain", "in a downpour", "in a drizzle", "in light rain",
        "on a wet day", "in a thunderstorm", "in the pouring rain", "with raindrops",
        "in a rainstorm", "as it rains", "in stormy weather", "while it pours",
    ),
    "snow": (
        "while it snows", "with snow falling", "in falling snow", "with snowflakes",
        "in a snow shower", "it is snowing", "in a snowstorm", "in snowfall", "while snow falls",
        "under falling snow", "snow is falling", "as snow falls", "in a blizzard",
        "during snowfall", "while it is snowing", "as it snows", "in light snow",
        "with falling snowflakes", "during a snowstorm", "with snow in the air",
        "in a flurry of snow", "with snowflakes in the air",
    ),
    "fog": (
        "in the fog", "in fog", "in mist", "on a foggy day", "in a misty haze", "in the mist",
        "with fog", "in thick fog", "covered in mist", "in thick mist", "in the haze", "in haze",
        "in foggy weather", "in misty weather", "on a misty day", "in dense fog",
        "surrounded by fog", "with mist", "in a foggy landscape", "shrouded in mist",
        "in light mist",
    ),
}  # fmt: skip
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
STYLES: dict[str, tuple[str, ...]] = {
    "flat": (
        "flat design", "flat illustration", "picture book style", "simple illustration",
        "flat style", "vector illustration", "flat vector art", "storybook style",
        "picture book illustration", "in flat colours", "minimalist illustration",
    ),
    "pastel": (
        "in pastel colours", "pastel style", "in soft pastels", "pale pastel illustration",
        "in soft pale colours", "pastel drawing", "in soft colours", "with pastel colours",
        "pastel illustration", "in pale colours", "soft pastel style", "in pastel tones",
        "in delicate colours",
    ),
    "comic": (
        "comic style", "as a comic", "in comic book style", "with bold outlines",
        "with thick outlines", "cartoon with black outlines", "comic strip",
        "comic book illustration", "graphic novel style", "with black outlines", "inked comic",
        "manga style", "comic drawing", "in the style of a comic", "with heavy outlines",
        "comic book art",
    ),
    "papercut": (
        "paper cut style", "made of paper", "papercut", "as a paper collage", "paper craft",
        "cut out of paper", "in paper cutout style", "paper collage", "cut paper style",
        "paper art", "layered paper", "in cut paper", "origami style", "made from paper",
        "cut from paper", "collage of paper",
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
# What a subject does without a direction being named: no motion slot is filled.
VAGUE_MOTIONS = ("", "", "", "is", "appears", "can be seen", "in motion", "playing", "having fun")
# Words that say nothing about the scene; people write them, the encoder learns to pass over them.
FILLER = (
    "a beautiful picture of", "a video of", "an illustration of", "a cute", "cartoon", "lovely",
    "high quality", "cinematic", "4k", "detailed", "a short clip showing", "please make", "show me",
    "imagine", "once upon a time", "animated", "i want to see", "colourful", "there is", "we see",
    "a scene with", "peaceful", "masterpiece", "best quality", "a film of", "slowly", "quickly",
    "very",
)  # fmt: skip
# Said where there is nobody to name.
NOBODY = ("", "a view", "a landscape", "scenery", "nobody", "an empty scene", "the view", "a place")
# What is in phrases and names nothing by itself.
FUNCTION_WORDS = (
    "a the one something is next to , . ; : ! ? - and with of in on at by it its as an there we "
    "me i up down left right out from into through over under near between among no not while"
)
# Phrases never used in training captions: the paraphrase test of `training.evaluate`.
HELD_OUT_WORDS = frozenset(
    {"bunny rabbit", "house cat", "toy boat", "ruby", "tangerine", "chestnut", "in the backyard",
     "over the ice", "at daybreak", "late at night", "in a rain shower", "soars up", "push in",
     "baby dinosaur", "joyful", "startled", "beneath", "paper craft", "moves to and fro",
     "following shot"}
)  # fmt: skip
