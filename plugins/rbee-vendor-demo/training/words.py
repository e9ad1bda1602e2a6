"""The words of the little world that the stories are set in. Data only; `grammar.py` and `plots.py` put them to work."""

GIRLS = """Mia Anna Lily Rosa Emma Nora Ella Zoe Ruby Alice Clara Daisy Eva Flora Grace Hana Ida Jane Kira Lena
Maya Nina Olive Penny Sara Tess Una Vera Wendy Yara Amy Bella Cora Dora Edith Fay Gina Holly Iris
Julia""".split()
BOYS = """Tom Ben Max Leo Sam Noah Finn Jack Oscar Theo Adam Bruno Carl David Eli Felix George Hugo Ivan Jonas
Karl Liam Milo Nico Otto Paul Ravi Simon Tim Victor Will Yusuf Zack Alex Bill Dan Erik Fred Harry
Jim""".split()
NICKNAMES = """Pip Rusty Bramble Dot Fern Hazel Nutmeg Pebble Biscuit Button Clover Fluff Ginger Honey Jasper Kiwi
Lulu Moss Patch Pepper Sparky Tiny Toffee Whiskers Ziggy Bip Bolt Cog Zip Scout Misty Sunny Smoky
Maple Mango Olly Coco Bo Momo Tula""".split()

# kind -> (where such a one lives, what such a one likes to eat)
ANIMALS = {
    "fox": ("in a warm den under an old oak tree", "berries"),
    "rabbit": ("in a hole under the hedge", "carrots"),
    "bear": ("in a cave on the hill", "honey"),
    "mouse": ("behind the wall of an old house", "cheese"),
    "cat": ("in a house with a blue door", "fish"),
    "dog": ("on a farm", "bones"),
    "duck": ("beside a quiet pond", "bread"),
    "frog": ("in a green pond", "flies"),
    "owl": ("in a hollow tree", "nuts"),
    "bird": ("in a nest in a tall tree", "seeds"),
    "squirrel": ("at the top of a tall tree", "nuts"),
    "hedgehog": ("under a pile of leaves", "apples"),
    "turtle": ("near a slow river", "leaves"),
    "pig": ("on a muddy farm", "apples"),
    "horse": ("in a big red barn", "hay"),
    "cow": ("in a green field", "grass"),
    "sheep": ("on a grassy hill", "grass"),
    "goat": ("on a rocky mountain", "grass"),
    "lion": ("in a wide, dry land", "meat"),
    "tiger": ("deep in the jungle", "meat"),
    "elephant": ("near a big water hole", "bananas"),
    "monkey": ("in the tall trees of the jungle", "bananas"),
    "giraffe": ("in a wide, sunny land", "leaves"),
    "penguin": ("on the ice, far in the south", "fish"),
    "whale": ("in the deep blue sea", "small fish"),
    "crab": ("under a rock at the beach", "seaweed"),
    "bee": ("in a busy hive", "honey"),
    "ant": ("in a busy hill of sand", "crumbs"),
    "snail": ("under a cabbage leaf", "lettuce"),
    "kitten": ("in a basket in the kitchen", "milk"),
    "puppy": ("in a cosy house", "bones"),
    "deer": ("at the edge of the forest", "grass"),
    "wolf": ("in the dark forest", "meat"),
    "beaver": ("in a house of sticks on the river", "bark"),
    "donkey": ("in a small stable", "carrots"),
    "parrot": ("in a golden cage by the window", "seeds"),
    "hen": ("in a wooden hen house", "corn"),
    "badger": ("in a deep burrow", "roots"),
    "panda": ("in a forest of bamboo", "bamboo"),
    "butterfly": ("in a garden full of flowers", "nectar"),
}
# Made-up or grown-up heroes: kind -> (home, food, which pronouns fit)
FOLK = {
    "robot": ("in a workshop full of tools", "warm oil", "it he"),
    "dragon": ("in a cave high in the mountains", "hot soup", "he she"),
    "knight": ("in a stone castle", "roast potatoes", "he she"),
    "princess": ("in a castle with tall towers", "cherry pie", "she"),
    "prince": ("in a castle with a golden gate", "cherry pie", "he"),
    "king": ("in a great castle", "roast potatoes", "he"),
    "queen": ("in a great castle", "cherry pie", "she"),
    "giant": ("in a very big house on a hill", "pancakes", "he she"),
    "wizard": ("in a crooked tower", "mushroom soup", "he"),
    "fairy": ("in a garden full of roses", "honey cakes", "she"),
    "farmer": ("on a small farm", "bread and cheese", "he she"),
    "baker": ("above a little shop", "fresh bread", "he she"),
    "sailor": ("in a house near the sea", "fish soup", "he she"),
    "pirate": ("on an old wooden ship", "fish soup", "he she"),
    "painter": ("in a room full of pictures", "pancakes", "he she"),
    "gardener": ("in a cottage with a green gate", "tomato soup", "he she"),
    "snowman": ("in front of a little house", "cold ice cream", "he"),
    "ghost": ("in the attic of an old house", "nothing at all", "it he she"),
    "astronaut": ("in a house with a round roof", "apple pie", "he she"),
    "old man": ("in a cottage by the sea", "bread and cheese", "he"),
    "old woman": ("in a cottage by the woods", "vegetable soup", "she"),
    "teacher": ("in a small town", "tomato soup", "he she"),
    "doctor": ("in a busy town", "tomato soup", "he she"),
    "fisherman": ("in a hut by the lake", "fish soup", "he"),
    "inventor": ("in a house full of machines", "toast", "he she"),
    "clown": ("in a yellow wagon", "cake", "he she"),
    "unicorn": ("in a silver forest", "sweet grass", "he she"),
    "monster": ("under a creaky bed", "old socks", "he she"),
    "mermaid": ("in a palace under the sea", "seaweed salad", "she"),
}
CHILD_HOMES = """in a small village|in a big city|in a little house near the woods|in a white house on a hill|on a farm
|in a flat above a shop|in a house by the sea|in a quiet town|at the end of a long road|next to a green park
|in a house with a red roof|beside a wide river""".replace("\n", "").split("|")

# place -> the preposition for being there
PLACES = {
    "forest": "in", "park": "in", "garden": "in", "meadow": "in", "village": "in", "market": "at", "beach": "on",
    "hill": "on", "river": "by", "lake": "by", "pond": "by", "farm": "on", "castle": "in", "cave": "in", "island": "on",
    "mountain": "on", "school": "at", "library": "in", "bridge": "on", "valley": "in", "town": "in", "jungle": "in",
    "field": "in", "harbour": "in", "playground": "in", "woods": "in", "old mill": "at", "lighthouse": "at", "train station": "at",
    "museum": "in", "zoo": "at", "desert": "in", "swamp": "in", "orchard": "in",
}  # fmt: skip

# Things that one can hold, lose, find, give and mend.
THINGS = """kite ball boat book hat scarf bell box basket blanket key cup spoon flute drum doll train puzzle balloon umbrella
map coin shell feather ring button clock mirror lantern rope wagon bucket shovel paintbrush pencil letter picture flower
whistle lamp bag jar bottle mitten sock shoe boot coat cushion pillow ladder bicycle sledge guitar violin trumpet camera
telescope compass crown sword shield necklace bracelet ribbon candle teapot plate pan broom hammer toy car teddy bear
rocket spinning top music box magnet seed puppet mask flag pocket watch notebook crayon marble paper plane toy boat
wooden horse snow globe torch radio""".split()
_PAIRS = {
    "toy car",
    "teddy bear",
    "spinning top",
    "music box",
    "pocket watch",
    "paper plane",
    "toy boat",
    "wooden horse",
    "snow globe",
}


def _join_pairs(words: list[str]) -> list[str]:
    """Put names of two words back together ("toy", "car" -> "toy car")."""
    out: list[str] = []
    for word in words:
        if out and f"{out[-1]} {word}" in _PAIRS:
            out[-1] = f"{out[-1]} {word}"
        else:
            out.append(word)
    return out


THINGS = _join_pairs(THINGS)
COLOURS = "red blue green yellow golden silver purple orange white pink brown black".split()
SIZES = "small little tiny young".split()
TRAITS = """brave shy clever kind happy lonely curious sleepy hungry quiet funny gentle busy silly cheerful friendly careful
proud grumpy patient polite""".split()
HOBBIES = """to sing|to dance|to run fast|to climb|to read|to draw|to swim|to look at the stars|to tell jokes|to help others
|to collect stones|to play hide and seek|to ask questions|to explore|to make music|to watch the clouds|to build things
|to listen to stories|to jump in puddles|to sleep in the sun|to cook|to count things""".replace("\n", "").split("|")
FOODS = (
    "soup|bread|cake|apple pie|pancakes|cookies|cherry jam|rice|noodles|a big pizza|lemon cake|porridge|salad".split(
        "|"
    )
)
DREAMS = """fly|swim across the lake|see the sea|play the drum|sing in front of everyone|climb the tall mountain|read a book
|bake a cake|skate on the ice|dance|whistle|ride a bicycle|paint a picture|jump over the stream|catch a ball
|build a tree house|grow a sunflower|juggle|write a poem|find a rainbow""".replace("\n", "").split("|")
