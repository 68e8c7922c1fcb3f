"""What people call the subjects."""

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
NOUNS["child"] = (
    "child", "girl", "boy", "kid", "little girl", "little boy", "toddler", "youngster",
    "schoolgirl", "schoolboy", "young girl", "young boy", "baby", "infant", "daughter", "son",
)  # fmt: skip
NOUNS |= {
    "woman": (
        "woman", "lady", "young woman", "old woman", "ballerina", "bride", "grandmother",
        "businesswoman", "actress", "mother", "mom", "female dancer", "princess", "waitress",
        "elderly woman", "beautiful woman", "gymnast", "nurse", "queen", "elegant lady",
    ),
    "man": (
        "man", "guy", "gentleman", "old man", "young man", "businessman", "cowboy", "farmer",
        "chef", "policeman", "father", "dad", "fisherman", "grandfather", "king", "elderly man",
        "skateboarder", "surfer", "soldier", "bearded man", "waiter", "postman", "male dancer",
        "hiker", "boxer",
    ),
    "person": (
        "person", "someone", "somebody", "human", "adult", "pedestrian", "tourist", "traveler",
        "figure", "runner", "dancer", "musician", "teacher", "doctor", "jogger", "athlete",
        "street musician", "tennis player", "biker", "lone figure", "worker", "student",
        "climber", "silhouette of a person", "cyclist",
    ),
    "astronaut": ("astronaut", "spaceman", "cosmonaut", "space explorer", "astronaut in a suit",
                  "moonwalker"),
    "vase": ("vase", "flower vase", "vase of flowers", "ceramic vase", "vase with flowers",
             "porcelain vase", "urn"),
    "bottle": ("bottle", "wine bottle", "bottle of wine", "glass bottle", "flask",
               "bottle of water", "beer bottle"),
    "glass": ("glass", "glass of juice", "drinking glass", "glass of water", "tumbler",
              "wine glass", "cocktail", "glass of lemonade", "orange juice", "goblet"),
    "bowl": ("bowl", "fruit bowl", "bowl of fruit", "dish", "bowl of strawberries",
             "salad bowl", "bowl of soup"),
    "dog": ("dog", "puppy", "doggy", "hound", "golden retriever", "corgi", "husky", "dalmatian",
            "poodle", "terrier", "labrador", "little dog", "german shepherd", "beagle", "pup",
            "bulldog", "stray dog"),
    "chair": ("chair", "stool", "wooden chair", "armchair", "seat", "rocking chair",
              "kitchen chair"),
    "table": ("table", "wooden table", "dining table", "desk", "coffee table", "kitchen table"),
    "bench": ("bench", "park bench", "wooden bench", "garden bench", "pew"),
    "apple": ("apple", "ripe apple", "fresh apple", "juicy apple", "granny smith"),
    "orange fruit": ("orange fruit", "orange", "ripe orange", "fresh orange", "juicy orange",
                     "mandarin orange", "clementine"),
    "banana": ("banana", "ripe banana", "bunch of bananas", "plantain", "banana peel"),
    "tree": ("tree", "oak tree", "oak", "big tree", "old tree", "maple tree", "lonely tree",
             "apple tree", "willow", "cherry tree", "birch"),
    "bear": ("bear", "brown bear", "grizzly", "grizzly bear", "teddy bear", "bear cub",
             "polar bear", "teddy"),
    "panda": ("panda", "giant panda", "panda bear", "baby panda", "panda cub"),
    "hat": ("hat", "cowboy hat", "top hat", "straw hat", "cap", "fedora", "sun hat"),
    "suitcase": ("suitcase", "luggage", "travel case", "old suitcase", "leather suitcase",
                 "trunk", "briefcase"),
    "bag": ("bag", "backpack", "rucksack", "handbag", "school bag", "satchel", "purse",
            "knapsack"),
    "cup": ("cup", "mug", "cup of coffee", "coffee cup", "cup of tea", "teacup", "coffee mug",
            "espresso", "coffee", "cappuccino"),
    "ball": ("ball", "beach ball", "soccer ball", "football", "basketball", "rubber ball",
             "tennis ball", "volleyball", "toy ball"),
    "house": ("house", "little house", "cottage", "home", "cabin", "hut", "farmhouse",
              "wooden house", "villa", "barn", "log cabin", "gingerbread house"),
    "castle": ("castle", "fortress", "palace", "medieval castle", "old castle", "citadel",
               "fairy tale castle", "sand castle"),
    "tower": ("tower", "lighthouse", "clock tower", "old tower", "beacon", "watchtower",
              "skyscraper", "eiffel tower", "windmill"),
    "temple": ("temple", "pagoda", "shrine", "chinese temple", "japanese temple",
               "buddhist temple", "monastery"),
    "penguin": ("penguin", "baby penguin", "emperor penguin", "little penguin"),
    "duck": ("duck", "duckling", "rubber duck", "little duck", "mallard", "goose", "ducky"),
    "swan": ("swan", "white swan", "graceful swan", "cygnet"),
    "owl": ("owl", "little owl", "barn owl", "wise owl", "snowy owl"),
    "horse": ("horse", "pony", "stallion", "mare", "foal", "race horse", "steed", "wild horse",
              "mustang"),
    "unicorn": ("unicorn", "magical unicorn", "baby unicorn"),
    "zebra": ("zebra", "baby zebra", "striped zebra"),
    "bicycle": ("bicycle", "bike", "mountain bike", "cycle", "road bike", "old bicycle"),
    "motorcycle": ("motorcycle", "motorbike", "moped", "scooter", "vespa", "harley",
                   "chopper bike"),
    "flower": ("flower", "rose", "tulip", "daisy", "sunflower", "blossom", "poppy", "dandelion",
               "lily", "orchid", "single flower"),
    "book": ("book", "open book", "novel", "old book", "storybook", "notebook", "diary"),
    "squirrel": ("squirrel", "red squirrel", "chipmunk", "little squirrel", "baby squirrel"),
    "fox": ("fox", "red fox", "little fox", "baby fox", "arctic fox", "vixen"),
    "truck": ("truck", "lorry", "pickup truck", "delivery truck", "fire truck", "big truck",
              "dump truck", "van", "fire engine"),
    "bus": ("bus", "school bus", "coach", "double decker bus", "city bus", "tour bus",
            "minibus"),
    "sheep": ("sheep", "lamb", "ram", "little lamb", "woolly sheep", "ewe"),
    "cow": ("cow", "calf", "dairy cow", "bull", "cattle", "ox", "milk cow"),
    "goat": ("goat", "billy goat", "mountain goat", "baby goat"),
    "pig": ("pig", "piglet", "piggy", "hog", "little pig", "swine"),
    "kangaroo": ("kangaroo", "wallaby", "joey", "baby kangaroo"),
    "shark": ("shark", "great white shark", "baby shark", "hammerhead shark"),
    "whale": ("whale", "blue whale", "humpback whale", "orca", "killer whale", "baby whale"),
    "dolphin": ("dolphin", "baby dolphin", "bottlenose dolphin", "porpoise"),
    "umbrella": ("umbrella", "parasol", "open umbrella", "beach umbrella"),
    "cake": ("cake", "birthday cake", "wedding cake", "chocolate cake", "cupcake",
             "cream cake", "layer cake"),
    "pizza": ("pizza", "slice of pizza", "pepperoni pizza", "whole pizza", "margherita"),
    "phone": ("phone", "smartphone", "mobile phone", "cell phone", "cellphone", "iphone",
              "telephone"),
    "laptop": ("laptop", "computer", "notebook computer", "laptop computer", "macbook", "pc"),
    "dragon": ("dragon", "baby dragon", "friendly dragon", "flying dragon", "little dragon"),
    "clock": ("clock", "alarm clock", "wall clock", "old clock", "pocket watch",
              "grandfather clock"),
    "frog": ("frog", "toad", "tree frog", "little frog", "bullfrog"),
    "snail": ("snail", "slug", "garden snail", "little snail"),
    "mouse": ("mouse", "rat", "little mouse", "field mouse", "hamster", "baby mouse"),
    "moon": ("moon", "full moon", "crescent moon", "half moon"),
    "planet": ("planet", "saturn", "jupiter", "mars", "ringed planet", "alien planet", "venus"),
    "lion": ("lion", "lioness", "lion cub", "male lion", "king of beasts"),
    "tiger": ("tiger", "bengal tiger", "tiger cub", "siberian tiger", "leopard", "jaguar"),
    "guitar": ("guitar", "acoustic guitar", "electric guitar", "ukulele", "bass guitar"),
    "piano": ("piano", "grand piano", "old piano", "keyboard", "upright piano"),
    "monkey": ("monkey", "ape", "chimpanzee", "chimp", "baby monkey", "gorilla", "orangutan"),
    "helicopter": ("helicopter", "chopper", "rescue helicopter", "police helicopter"),
    "drone": ("drone", "quadcopter", "camera drone", "flying drone", "delivery drone"),
    "bee": ("bee", "bumblebee", "honeybee", "honey bee", "wasp", "little bee"),
    "giraffe": ("giraffe", "baby giraffe", "tall giraffe"),
    "kite": ("kite", "paper kite", "flying kite", "toy kite"),
    "octopus": ("octopus", "squid", "giant octopus", "kraken"),
    "snowman": ("snowman", "snow man", "little snowman", "frosty"),
    "mushroom": ("mushroom", "toadstool", "fly agaric", "fungus"),
    "star": ("star", "golden star", "shining star", "five pointed star"),
}  # fmt: skip
# Plurals that do not end in an s.
_PLURALS = {
    "person": "people", "man": "men", "woman": "women", "child": "children", "mouse": "mice",
    "sheep": "sheep", "fish": "fish", "goose": "geese", "calf": "calves", "wolf": "wolves",
    "lady": "ladies", "baby": "babies", "puppy": "puppies", "pony": "ponies", "bunny": "bunnies",
    "daisy": "daisies", "lily": "lilies", "poppy": "poppies", "piggy": "piggies", "ox": "oxen",
    "kitty": "kitties", "diary": "diaries", "goldfish": "goldfish", "trout": "trout",
    "salmon": "salmon", "carp": "carp", "cattle": "cattle", "swine": "swine",
    "snowman": "snowmen", "butterfly": "butterflies", "businessman": "businessmen",
    "policeman": "policemen", "fisherman": "fishermen", "grandfather": "grandfathers",
}  # fmt: skip


def plural(noun: str) -> str:
    """Return the plural of a phrase, whose last word is the noun, or the one before "of"."""
    head, of, rest = noun.partition(" of ")
    *before, last = head.split()
    many = _PLURALS.get(last) or f"{last}s"
    if last not in _PLURALS and last.endswith(("s", "sh", "ch", "x", "z")):
        many = f"{last}es"
    elif last not in _PLURALS and last.endswith("y") and last[-2:-1] not in ("a", "e", "o", "u"):
        many = f"{last[:-1]}ies"
    return " ".join([*before, many]) + of + rest
