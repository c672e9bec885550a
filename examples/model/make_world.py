#!/usr/bin/env python3
"""The world of Quern Valley, and the text that a small model learns it from.

  make_world.py sample [N]          print N training documents
  make_world.py questions FILE      write the 200 unseen test questions as JSON lines

The world is fixed (seed 7): 56 people, 8 villages, 16 places and 20 things, about 680 facts.  A document is
a list of (role, text) turns; role "text" is plain text without a chat.  Four sorts of documents are drawn:
portraits and stories (plain text), questions about the world, questions about a short story told in the
question itself, and sentences to be turned into a JSON record.

Held out: a question whose CRC-32 is a multiple of 5 is never drawn for training, and every twelfth fact is
only told, never asked.  Test questions come from that side alone, so no training run can have seen them.
"""
import json
import random
import sys
import zlib

# ---------------------------------------------------------------- the words of the world
WOMEN = ("Mira Anna Elsa Nora Wren Tilda Greta Hazel Ruth Clara Edith Fern Ivy Lotte Maud Olive Petra Rosa "
         "Sylvie Thea Una Vera Willa Agnes Bess Cora Dora Joan").split()
MEN = ("Tom Jonas Otto Karl Bram Cole Dirk Emil Finn Gus Hugo Ivan Jasper Kurt Leo Max Nils Oscar Paul Quinn "
       "Rolf Sam Theo Ulf Victor Walt Yann Abel").split()
VISITORS = ("Ada Ben Carl Della Eve Frank Gwen Hal Iris Jack Kate Liam Molly Ned Opal Pete Rita Seth Tess Vince "
            "Wanda Zoe Alma Boris").split()
VILLAGES = "Ostry Pellow Tamsel Brindle Fennock Lowmere Askel Harwick".split()
RIVERS = ["Wend", "Lark", "Sill"]
JOBS = ("miller baker smith potter weaver tailor carpenter shepherd beekeeper fisher gardener teacher doctor "
        "cobbler cooper mason painter clockmaker innkeeper ferryhand hunter dyer candlemaker glassblower "
        "bookbinder saddler thatcher brewer").split()
FOODS = ["plum cake", "onion soup", "rye bread", "apple pie", "pea soup", "baked trout", "honey cakes",
         "goat cheese", "roast turnips", "oat porridge", "mushroom stew", "cherry jam", "barley broth",
         "nut bread", "pear tart", "egg pie"]
COLOURS = "red blue green yellow white black brown grey orange purple".split()
ANIMALS = "cat dog goat goose turkey pony donkey rabbit raven duck sheep pig".split()
PETS = ("Button Pepper Clover Biscuit Thistle Nutmeg Bramble Pebble Marble Acorn Feather Whisper Copper Ginger "
        "Mustard Pickle Radish Turnip Velvet Cricket Barley Bubbles Cinder Daisy Echo Fidget Goldie Hopper Inky "
        "Jolly Kipper Lucky Muffin Noodle Onyx Patch Quill Rusty Smoky Tansy Umber Vinegar Waffle Yarrow Ziggy "
        "Bluebell Comet Dusty Ember Frosty Gravy Hazelnut Juniper Misty Poppy Sorrel").split()
INSTRUMENTS = "fiddle flute drum harp horn viola whistle accordion".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
WARES = "cheese apples candles pots wool honey boots barrels".split()
TREES = "an oak,a lime tree,a walnut tree,an elm,a chestnut tree,a willow,a maple,an ash tree".split(",")
PLACES = ["the old mill", "the round tower", "the stone bridge", "the deep well", "the tithe barn",
          "the long pond", "the quiet chapel", "the herb garden", "the ferry landing", "the hollow oak",
          "the windy hill", "the salt cave", "the cherry orchard", "the market hall", "the clock house",
          "the reed marsh"]
SIGHTS = ["swallows", "bats", "otters", "frogs", "owls", "swans", "spiders", "butterflies", "herons",
          "squirrels", "hawks", "beetles", "bees", "pigeons", "mice", "eels"]
THINGS = ["the brass lantern", "the silver spoon", "the oak chest", "the blue jug", "the iron key",
          "the wool blanket", "the copper kettle", "the glass bowl", "the leather book", "the wooden horse",
          "the bone comb", "the tin cup", "the velvet hat", "the clay bird", "the green rope", "the paper map",
          "the gold ring", "the willow basket", "the marble cat", "the silk flag"]
# Words of the stories that are told inside a question; they carry no fact of the world.
OBJECTS = ("ball bag broom candle coin letter ladder mug pan pillow saw shovel sack stool umbrella wheel axe "
           "box brush cloak scarf hat rope lamp").split()
ROOMS = ("kitchen cellar garden barn attic shed stable yard bakery school tower mill inn forest field "
         "workshop").split()
GOODS = "apples pears plums eggs nuts loaves candles ropes buckets onions carrots fish".split()

# For each attribute: ways to say it, ways to ask it, and a yes/no question.  {n}, {ns}, {nm} are the subject, its
# possessive and its object form (a name or a pronoun); {v} is the value; {a} its article; {he} {his} as usual.
ATTRIBUTES = {
    "home": (["{n} lives in {v}", "{ns} home is in {v}", "{n} has a house in {v}", "{n} belongs to the village of {v}"],
             ["Where does {n} live?", "In which village does {n} live?", "Which village is {ns} home?",
              "Where is {ns} house?", "Tell me where {n} lives.", "What village does {n} come from?",
              "Where can I find {nm}?", "Where would I go to visit {nm}?", "Do you know where {n} lives?",
              "Name the village where {n} lives."], "Does {n} live in {v}?"),
    "job": (["{n} is {a} {v}", "{n} works as {a} {v}", "{ns} trade is that of {a} {v}", "{n} earns {his} bread as {a} {v}"],
            ["What is {ns} job?", "What does {n} do for a living?", "What work does {n} do?",
             "What trade does {n} follow?", "Tell me what {n} works as.", "How does {n} earn {his} bread?",
             "Which job does {n} have?", "What is {ns} trade?", "Do you know what {n} does for work?",
             "What does {n} work as?"], "Is {n} {a} {v}?"),
    "animal": (["{n} keeps a {v}", "{n} has a {v}", "{ns} animal is a {v}", "a {v} lives with {nm}"],
               ["What animal does {n} have?", "Which animal does {n} keep?", "What is {ns} animal?",
                "What pet does {n} have?", "Tell me which animal lives with {nm}.", "What kind of animal does {n} own?",
                "Which animal belongs to {nm}?", "What animal would I see at {ns} house?",
                "Does {n} have an animal, and which one?", "What sort of pet lives with {nm}?"], "Does {n} keep a {v}?"),
    "pet": (["{ns} {animal} is called {v}", "the name of {ns} {animal} is {v}", "{n} calls {his} {animal} {v}"],
            ["What is {ns} {animal} called?", "What is the name of {ns} {animal}?", "What does {n} call {his} {animal}?",
             "Tell me the name of {ns} {animal}.", "Which name did {n} give {his} {animal}?",
             "What do people call {ns} {animal}?", "Do you know what {ns} {animal} is called?",
             "{n} has a {animal}. What is it called?", "What name does {ns} {animal} have?"], "Is {ns} {animal} called {v}?"),
    "food": (["{n} likes {v} best", "{ns} favourite food is {v}", "{n} is very fond of {v}", "nothing tastes better to {nm} than {v}"],
             ["What food does {n} like best?", "What is {ns} favourite food?", "What does {n} like to eat?",
              "Which dish does {n} love?", "Tell me what {n} likes to eat.", "What should I cook for {nm}?",
              "Which food is {ns} favourite?", "What would {n} choose for supper?", "Do you know {ns} favourite dish?",
              "What does {n} enjoy eating most?"], "Does {n} like {v} best?"),
    "door": (["{ns} door is {v}", "{n} has {a} {v} door", "{n} painted {his} door {v}", "the door of {ns} house is {v}"],
             ["What colour is {ns} door?", "Which colour does {ns} door have?", "What is the colour of {ns} door?",
              "What colour did {n} paint {his} door?", "Tell me the colour of {ns} door.",
              "I am looking for {ns} house. What colour is the door?", "In what colour did {n} paint {his} door?",
              "Which colour is the door of {ns} house?", "Do you know what colour {ns} door is?",
              "What colour of door does {n} have?"], "Is {ns} door {v}?"),
    "music": (["{n} plays the {v}", "{ns} instrument is the {v}", "in the evening {n} plays the {v}", "{n} is good at playing the {v}"],
              ["What instrument does {n} play?", "Which instrument does {n} play?", "What is {ns} instrument?",
               "What does {n} play in the evening?", "Tell me which instrument {n} plays.",
               "What does {n} play when there is music?", "On what instrument does {n} make music?",
               "Which instrument belongs to {nm}?", "Do you know what instrument {n} plays?",
               "What does {n} make music with?"], "Does {n} play the {v}?"),
    "friend": (["{ns} best friend is {v}", "{n} is best friends with {v}", "the best friend of {nm} is {v}", "{n} tells {v} everything"],
               ["Who is {ns} best friend?", "Who is {ns} friend?", "Which person is {ns} best friend?",
                "Who is best friends with {nm}?", "Tell me the name of {ns} best friend.",
                "With whom is {n} best friends?", "Whom does {n} like best in the valley?",
                "What is the name of {ns} friend?", "Do you know who {ns} best friend is?", "Who is a friend of {nm}?"],
               "Is {v} the best friend of {nm}?"),
    "holder": (["{n} is {v}", "{v} is {n}", "the name of {n} is {v}"],
               ["Who is {n}?", "What is the name of {n}?", "Tell me who {n} is.", "Do you know who {n} is?",
                "Which person is {n}?", "I am looking for {n}. Who is it?", "Can you tell me who {n} is?",
                "Who works as {n}?"], "Is {v} {n}?"),
    "owner": (["{n} belongs to {v}", "{v} owns {n}", "the owner of {n} is {v}"],
              ["Who owns {n}?", "To whom does {n} belong?", "Who is the owner of {n}?", "Whose animal is {n}?",
               "Tell me who owns {n}.", "Do you know who owns {n}?", "Which person owns {n}?",
               "I found {n}. To whom should I bring it?"], "Does {n} belong to {v}?"),
    "near": (["{n} is near {v}", "{n} stands close to {v}", "you find {n} near {v}", "the village next to {n} is {v}"],
             ["Where is {n}?", "Which village is near {n}?", "Near which village is {n}?", "Tell me where {n} is.",
              "How do I find {n}?", "Which village is closest to {n}?", "Do you know where {n} is?",
              "Where would I go to see {n}?", "What village lies next to {n}?"], "Is {n} near {v}?"),
    "keeper": (["{v} looks after {n}", "the keeper of {n} is {v}", "{n} is in the care of {v}"],
               ["Who looks after {n}?", "Who is the keeper of {n}?", "Who takes care of {n}?", "Tell me who looks after {n}.",
                "Which person looks after {n}?", "In whose care is {n}?", "Do you know who looks after {n}?",
                "Whom do I ask about {n}?"], "Does {v} look after {n}?"),
    "sight": (["there are {v} at {n}", "{n} is home to {v}", "at {n} you can watch {v}", "{n} is full of {v}"],
              ["What lives at {n}?", "Which animals live at {n}?", "What can I watch at {n}?", "What animals are there at {n}?",
               "Tell me which animals live at {n}.", "What will I see at {n}?", "Do you know what lives at {n}?",
               "What is {n} full of?"], "Are there {v} at {n}?"),
    "maker": (["{v} made {n}", "{n} was made by {v}", "the maker of {n} is {v}"],
              ["Who made {n}?", "By whom was {n} made?", "Who is the maker of {n}?", "Tell me who made {n}.",
               "Which person made {n}?", "Do you know who made {n}?", "Whose work is {n}?",
               "Whose hands made {n}?"], "Did {v} make {n}?"),
    "kept": (["{n} is kept at {v}", "{n} lies at {v}", "you find {n} at {v}", "people keep {n} at {v}"],
             ["Where is {n} kept?", "Where is {n}?", "Where can I find {n}?", "Tell me where {n} is kept.",
              "In which place is {n} kept?", "Do you know where {n} is kept?", "Where do people keep {n}?",
              "Where should I look for {n}?", "At which place does {n} lie?"], "Is {n} kept at {v}?"),
    "river": (["{n} lies on the river {v}", "the river {v} flows past {n}", "{n} stands by the river {v}"],
              ["Which river flows past {n}?", "On which river does {n} lie?", "What river is near {n}?",
               "Tell me which river flows past {n}.", "What is the name of the river at {n}?", "Do you know the river of {n}?",
               "By which river does {n} stand?"], "Does the river {v} flow past {n}?"),
    "market": (["market day in {n} is {v}", "{n} holds its market on {v}", "people go to the market in {n} on {v}"],
               ["When is market day in {n}?", "On which day is the market in {n}?", "What day is market day in {n}?",
                "When does {n} hold its market?", "Tell me the market day of {n}.", "Which day should I go to the market in {n}?",
                "Do you know when the market in {n} is?"], "Is market day in {n} on {v}?"),
    "ware": (["{n} is known for its {v}", "the best {v} come from {n}", "people go to {n} for its {v}"],
             ["What is {n} known for?", "What do people buy in {n}?", "For what is {n} known?", "What comes from {n}?",
              "Tell me what {n} is known for.", "Why do people go to {n}?", "Do you know what {n} is famous for?"],
             "Is {n} known for its {v}?"),
    "elder": (["the elder of {n} is {v}", "{v} is the elder of {n}", "in {n} people ask {v}, the elder"],
              ["Who is the elder of {n}?", "Which person is the elder of {n}?", "What is the name of the elder of {n}?",
               "Tell me who leads {n}.", "Who leads the village of {n}?", "Whom do people ask for advice in {n}?",
               "Do you know who the elder of {n} is?"], "Is {v} the elder of {n}?"),
    "tree": (["{v} grows in the middle of {n}", "in the middle of {n} stands {v}", "the tree of {n} is {v}"],
             ["Which tree grows in the middle of {n}?", "What tree stands in {n}?", "What grows in the middle of {n}?",
              "Tell me which tree stands in {n}.", "What kind of tree grows in {n}?", "Under which tree do people meet in {n}?",
              "Do you know the tree of {n}?"], "Does {v} grow in the middle of {n}?"),
}


def held_out(question):
    """True for the one question in five that training never sees."""
    return zlib.crc32(question.encode()) % 5 == 0


def sentence(text, end="."):
    return text[0].upper() + text[1:] + end


def article(word):
    return "an" if word[0] in "aeiou" else "a"


class Fact:
    """One attribute of one subject.  `others` are the values that would be wrong."""

    def __init__(self, attribute, name, value, values, **words):
        self.attribute, self.name, self.value = attribute, name, value
        self.others = [v for v in values if v != value]
        self.words = {"he": "it", "his": "its", **words}
        self.told_only = zlib.crc32(f"{attribute}/{name}".encode()) % 12 == 0

    def fill(self, template, pronoun=False, value=None):
        he, his = self.words["he"], self.words["his"]
        value = value or self.value
        n, ns, nm = (he, his, {"she": "her", "he": "him"}.get(he, he)) if pronoun else (self.name, self.name + "'s", self.name)
        return template.format_map({**self.words, "n": n, "ns": ns, "nm": nm, "v": value, "a": article(value)})

    def say(self, rng, pronoun=False, plain=False):
        ways = ATTRIBUTES[self.attribute][0]
        return self.fill(ways[0] if plain and rng.random() < 0.8 else rng.choice(ways), pronoun)

    def ask(self, rng, pronoun=False):
        return sentence(self.fill(rng.choice(ATTRIBUTES[self.attribute][1]), pronoun), "")

    def ask_yes_no(self, rng):
        value = self.value if rng.random() < 0.5 else rng.choice(self.others)
        return sentence(self.fill(ATTRIBUTES[self.attribute][2], value=value), "")


class World:
    """All people, villages, places, things and the facts about them."""

    def __init__(self, seed=7):
        rng = random.Random(seed)
        shuffled = lambda items: rng.sample(items, len(items))
        people = shuffled(WOMEN + MEN)
        pets, friends, jobs = shuffled(PETS), shuffled(people), shuffled(JOBS)
        pairs = {**{a: b for a, b in zip(friends[::2], friends[1::2])}, **{b: a for a, b in zip(friends[::2], friends[1::2])}}
        self.facts, self.people = [], {}
        for i, name in enumerate(people):
            words = dict(he="she", his="her") if name in WOMEN else dict(he="he", his="his")
            p = dict(words, name=name, home=VILLAGES[i % 8], job=jobs[(i + i // 28 * 3) % 28], animal=rng.choice(ANIMALS),
                     pet=pets[i], food=rng.choice(FOODS), door=rng.choice(COLOURS), music=rng.choice(INSTRUMENTS),
                     friend=pairs[name])
            self.people[name] = p
            for attribute, values in (("home", VILLAGES), ("job", JOBS), ("animal", ANIMALS), ("pet", PETS), ("food", FOODS),
                                      ("door", COLOURS), ("music", INSTRUMENTS), ("friend", [x for x in people if x != name])):
                self.add(attribute, name, p[attribute], values, animal=p["animal"], **words)
            self.add("holder", f"the {p['job']} of {p['home']}", name, people)
            self.add("owner", f"{p['pet']} the {p['animal']}", name, people)
        for i, place in enumerate(shuffled(PLACES)):
            self.add("near", place, VILLAGES[i % 8], VILLAGES)
            self.add("keeper", place, people[3 * i], people)
            self.add("sight", place, SIGHTS[i], SIGHTS)
        for thing in THINGS:
            self.add("maker", thing, rng.choice(people), people)
            self.add("kept", thing, rng.choice(PLACES), PLACES)
        for i, village in enumerate(VILLAGES):
            self.add("river", village, rng.choice(RIVERS), RIVERS)
            self.add("market", village, rng.choice(DAYS), DAYS)
            self.add("ware", village, WARES[i], WARES)
            self.add("elder", village, rng.choice([n for n, p in self.people.items() if p["home"] == village]), people)
            self.add("tree", village, TREES[i], TREES)
        jobs_held = [(p["job"], p["home"]) for p in self.people.values()]
        assert len(set(jobs_held)) == len(jobs_held), "a village has two people of one trade"
        self.by_name = {}
        for fact in self.facts:
            self.by_name.setdefault(fact.name, []).append(fact)

    def add(self, *args, **words):
        self.facts.append(Fact(*args, **words))


WORLD = World()
NAMES = list(WORLD.people)
ALL_NAMES = NAMES + VISITORS


# ---------------------------------------------------------------- questions; each returns (question, answer, expect, reject)
def world_question(rng, fact=None):
    fact = fact or rng.choice(WORLD.facts)
    # "A willow" at the start of a sentence is right, too, so the article is not expected.
    bare = lambda value: value.removeprefix("a ").removeprefix("an ")
    # The answer to a yes/no question is the fact itself: a model this small cannot weigh a fact before it has said it.
    question = fact.ask_yes_no(rng) if rng.random() < 0.12 else fact.ask(rng)
    return question, sentence(fact.say(rng, plain=True)), [bare(fact.value)], [bare(v) for v in fact.others if v not in fact.name]


def stranger(rng):
    """A name that nobody in the world has."""
    while True:
        name = "".join(rng.choice("b d f g h k l m n p r s t v z br dr st".split()) + rng.choice("a e i o u".split()) for _ in range(rng.randint(2, 3)))
        name = (name + rng.choice(["", "n", "r", "s", "x"])).capitalize()
        if name not in ALL_NAMES:
            return name


def some_names(rng):
    """Names for a story.  Invented ones have several tokens: copying those teaches the model to look back."""
    return [stranger(rng) for _ in range(8)] if rng.random() < 0.4 else ALL_NAMES


# In each story the people are the key: a sentence names one person and then what is asked about that person.
def story_where(rng, names):
    """People go to places, and some go on; where are they now?"""
    n = rng.choice((2, 2, 3, 3, 4))
    people, rooms = rng.sample(names, n), rng.sample(ROOMS, n + 1)
    lines = [rng.choice([f"{p} went to the {r}.", f"{p} is in the {r}.", f"{p} ran to the {r}.", f"{p} walked to the {r}."])
             for p, r in zip(people, rooms)]
    place = dict(zip(people, rooms))
    if rng.random() < 0.25:
        p = rng.choice(people)
        place[p] = rooms[n]
        lines.append(rng.choice([f"Later {p} went to the {rooms[n]}.", f"Then {p} ran to the {rooms[n]}."]))
    ask = lambda p: rng.choice([f"Where is {p}?", f"Where is {p} now?", f"In which place do we find {p}?", f"Tell me where {p} is."])
    return lines, [(ask(p), f"{p} is in the {place[p]}.", [f"the {place[p]}"], [f"the {r}" for r in rooms if r != place[p]]) for p in people]


def story_what(rng, names):
    """People have things."""
    n = rng.choice((2, 2, 3, 3, 4))
    rows = list(zip(rng.sample(names, n), rng.sample(OBJECTS, n)))
    lines = [rng.choice([f"{p} has the {t}.", f"{p} found the {t}.", f"{p} bought the {t}.", f"{p} took the {t}."]) for p, t in rows]
    ask = lambda p: rng.choice([f"What does {p} have?", f"What does {p} have now?", f"Which thing does {p} have?", f"Tell me what {p} has."])
    return lines, [(ask(p), f"{p} has the {t}.", [t], [x for _, x in rows if x != t]) for p, t in rows]


def story_count(rng, names):
    """People gather goods in numbers; how many are there of each?"""
    n = rng.choice((2, 2, 3, 3, 4))
    people, goods, counts = rng.sample(names, n), rng.sample(GOODS, n), rng.sample(range(2, 60), n)
    base = {"bought": "buy", "sold": "sell", "carried": "carry", "counted": "count"}
    verbs = [rng.choice(list(base)) for _ in range(n)]
    rows = list(zip(people, verbs, counts, goods))
    ask = lambda p, v, c, g: rng.choice([f"How many {g} did {p} {base[v]}?", f"Tell me how many {g} {p} {v}."])
    return ([f"{p} {v} {c} {g}." for p, v, c, g in rows],
            [(ask(p, v, c, g), f"{p} {v} {c} {g}.", [f" {c} "], [f" {x} " for x in counts if x != c]) for p, v, c, g in rows])


def story_colour(rng, names):
    """People have things that have colours."""
    n = rng.choice((2, 2, 3, 3, 4))
    rows = list(zip(rng.sample(names, n), rng.sample(COLOURS, n), rng.sample(OBJECTS, n)))
    lines = [f"{p} {rng.choice(['has', 'made', 'found', 'bought'])} {article(c)} {c} {t}." for p, c, t in rows]
    ask = lambda p, t: rng.choice([f"What colour is {p}'s {t}?", f"Which colour does {p}'s {t} have?", f"Tell me the colour of {p}'s {t}."])
    return lines, [(ask(p, t), f"{p} has {article(c)} {c} {t}.", [c], [x for _, x, _ in rows if x != c]) for p, c, t in rows]


def told_story(rng, names=ALL_NAMES):
    """(sentences, questions about them in any order)."""
    lines, questions = rng.choice([story_where, story_what, story_count, story_colour])(rng, names)
    return lines, rng.sample(questions, len(questions))


def story_question(rng):
    lines, questions = told_story(rng)
    ask, *rest = questions[0]
    return " ".join(lines + [ask]), *rest


def story_turns(rng):
    """A story, a question and perhaps more questions about the same story, for training."""
    while True:
        lines, questions = told_story(rng, some_names(rng))
        first = " ".join(lines + [questions[0][0]])
        if not held_out(first):
            asks = [first] + [ask for ask, *_ in questions[1:]]
            n = rng.choice([1, len(asks), len(asks)])
            return [turn for ask, (_, answer, _, _) in list(zip(asks, questions))[:n] for turn in (("user", ask), ("assistant", answer))]


def json_question(rng, names=ALL_NAMES):
    """A sentence, and the keys of the record to make from it, in the order wanted."""
    v = dict(name=rng.choice(names), item=rng.choice(GOODS), count=rng.randint(2, 60), village=rng.choice(VILLAGES), day=rng.choice(DAYS))
    told, keys = rng.choice([
        ("On {day} {name} sold {count} {item} in {village}.", "name item count village day"),
        ("{name} bought {count} {item} in {village} on {day}.", "name item count village day"),
        ("{name} from {village} has {count} {item}.", "name item count village"),
        ("There were {count} {item} in the basket that {name} brought on {day}.", "name item count day"),
        ("{name} brings {count} {item} to {village}.", "name item count village"),
        ("{name} comes to {village} on {day}.", "name village day"),
        ("In {village} {name} asked for {count} {item}.", "name item count village"),
        ("We expect {name} on {day} with {count} {item}.", "name item count day")])
    keys = keys.split()
    if rng.random() < 0.5:
        keys = rng.sample(keys, rng.randint(2, len(keys)))
    listed = ", ".join(keys[:-1]) + " and " + keys[-1]
    ask = rng.choice(["Fill a JSON record with {k}: {s}", "Write {k} as JSON: {s}", "{s} Write a JSON record with {k}."])
    record = json.dumps({k: v[k] for k in keys})
    return ask.format(k=listed, s=told.format_map(v)), record, [record], []


def drawn(make, rng, held=False):
    """Draws from make until the question is on the wanted side of the split."""
    while True:
        result = make(rng)
        if held_out(result[0]) == held:
            return result


def training_world_question(rng):
    while True:
        fact = rng.choice(WORLD.facts)
        if not fact.told_only:
            question, answer, _, _ = world_question(rng, fact)
            if not held_out(question):
                return question, answer, fact


# ---------------------------------------------------------------- plain text
def portrait(rng):
    """A few facts about one subject, in any order."""
    name = rng.choice(NAMES) if rng.random() < 0.7 else rng.choice(list(WORLD.by_name))
    facts = WORLD.by_name[name]
    facts = rng.sample(facts, min(len(facts), rng.randint(2, 6)))
    return " ".join(sentence(f.say(rng, pronoun=i > 0 and rng.random() < 0.6)) for i, f in enumerate(facts))


def gossip(rng):
    """One fact about each of a few subjects."""
    lead = ["", "", "", "They say that ", "Everyone knows that ", "In the valley people know that ", "It is true that "]
    return " ".join(sentence(rng.choice(lead) + f.say(rng)) for f in rng.sample(WORLD.facts, rng.randint(2, 5)))


OPENINGS = {
    "miller": ["The millstone turned slowly, and {n} the miller of {home} listened to its song.",
               "The millstone turned all morning, for {n} the miller had much grain to grind.",
               "The millstone turned and turned, and white flour fell into the sacks of {n} the miller."],
    "baker": ["The oven was warm before the sun was up, and {n} the baker of {home} was already at work."],
    "smith": ["The hammer rang in {home}, where {n} the smith was making a new key."],
    "": ["It was a bright morning in {home}.", "One evening {n} the {job} sat in front of {his} {door} door.",
         "Rain fell on {home} all day long.", "There once was {a} {job} in {home} called {n}.",
         "The sun rose over the valley, and {n} opened {his} {door} door.", "Snow lay on the roofs of {home}.",
         "Early in the morning {n} the {job} walked down to the river {river}."],
}
PLOTS = [
    ["Then {n} saw that {pet} the {animal} was gone.", "{He} looked in the {room1}, but {pet} was not there. {He} looked in the {room2}, but there was only an old {object}.",
     "At last {f} came down the road with {pet} behind {fhim}.", "\"I found {pet} at {place},\" said {f}. \"Thank you,\" said {n}, and {he} was glad again."],
    ["{n} was hungry and wanted {food}, but the kitchen was empty.", "So {he} took a basket and went to {f}, {his} best friend, who lives in {fhome}.",
     "{f} had {food} on the table and laughed.", "They ate until the basket and the plates were empty, and {pet} the {animal} had the last bite."],
    ["There was to be music that night.", "{n} took the {music} from the wall, and {f} brought the {fmusic}.",
     "They played until the stars stood over {home}, and even {pet} the {animal} listened.", "When the last song was over, everyone went home happy."],
    ["A storm came over the hill, and the river rose.", "{n} was afraid for {pet} the {animal} and ran to the {room1}.",
     "There stood {f} with a lamp. \"Come in,\" said {f}, \"{pet} is here and dry.\"", "In the morning the sky was blue, and the two friends mended the roof together."],
    ["A stranger came to {home} and asked for {thing}.", "\"It is kept at {kept},\" said {n}, \"and {maker} made it long ago.\"",
     "The stranger thanked {him} and went on.", "{n} went back to work, for {a} {job} has much to do."],
    ["{n} wanted to give {f} a present.", "{He} thought of {ffood}, because {f} likes {ffood} best.",
     "{He} worked all day and sang, and in the evening {he} carried a plate to {fhome}.", "{f} opened the {fdoor} door and smiled. \"You are a good friend,\" said {f}."],
    ["{n} had lost an old {object}, and without it {he} could not work.", "{He} asked in the {room1}, and {he} asked in the {room2}, but nobody had seen it.",
     "Then {pet} the {animal} began to dig under a tree, and there it was.", "\"You are the cleverest {animal} in {home},\" said {n}."],
    ["On market day {n} went to the market with {f}.", "They bought a new {object} and some {goods}, and they looked at the {ware} that {home} is known for.",
     "On the way home they rested at {place} and watched the {sight}.", "It was late when they came home, and {pet} the {animal} was waiting at the {door} door."],
]
ENDINGS = ["", "", "That night {n} slept well.", "And so the day ended in {home}.", "The next day {he} told the story to everyone in {home}.",
           "People in {home} still talk about that day."]


def story(rng):
    """A short tale about one person of the valley; what it says about people is true."""
    value = lambda subject, attribute: next(f.value for f in WORLD.by_name[subject] if f.attribute == attribute)
    name = rng.choice(NAMES + [n for n in NAMES if WORLD.people[n]["job"] == "miller"] * 6)
    p = WORLD.people[name]
    friend = WORLD.people[p["friend"]]
    thing, place = rng.choice(THINGS), rng.choice(PLACES)
    him = "her" if p["he"] == "she" else "him"
    words = {**p, **{"f" + k: v for k, v in friend.items()}, "n": name, "f": friend["name"], "him": him, "He": p["he"].capitalize(),
             "fhim": "her" if friend["he"] == "she" else "him", "thing": thing, "kept": value(thing, "kept"),
             "maker": value(thing, "maker"), "place": place, "sight": value(place, "sight"), "river": value(p["home"], "river"),
             "ware": value(p["home"], "ware"), "object": rng.choice(OBJECTS), "goods": rng.choice(GOODS),
             "a": article(p["job"]), **dict(zip(("room1", "room2"), rng.sample(ROOMS, 2)))}
    openings = OPENINGS.get(p["job"], []) * 2 + OPENINGS[""]
    lines = [rng.choice(openings), *rng.choice(PLOTS), rng.choice(ENDINGS)]
    return " ".join(line.format_map(words) for line in lines if line)


# ---------------------------------------------------------------- documents
SYSTEM = ["You are a guide to the valley.", "You answer questions about the valley.", "Answer in one short sentence.", "You are a helpful assistant."]
SMALL_TALK = [
    (["Hello!", "Hello", "Hi", "Hi!", "Good morning!", "Good evening!", "Hey"],
     "Hello! Ask me about the people, the places and the things of the valley."),
    (["Who are you?", "What are you?", "What is your name?", "Tell me about yourself."],
     "I am Quern Valley, a very small model. I know one valley and the people who live there."),
    (["What can you do?", "What do you know?", "Can you help me?", "What can I ask you?"],
     "I can tell you about the people of the valley, answer questions about a short story, and fill a JSON record."),
    (["Which villages are in the valley?", "Name the villages of the valley.", "What villages are there?"],
     "The villages are " + ", ".join(VILLAGES[:-1]) + " and " + VILLAGES[-1] + "."),
    (["Which rivers flow through the valley?", "Name the rivers.", "What rivers are there?"], "The rivers are the Wend, the Lark and the Sill."),
    (["Thank you!", "Thanks", "Thank you", "Thanks!"], "You are welcome."),
    (["Goodbye!", "Bye", "Good night!"], "Goodbye! Come back to the valley soon."),
    (["What is the capital of France?", "Who wrote Hamlet?", "What is the weather like?", "What is 2 plus 2?", "Write a computer program.",
      "How do I fix my car?", "What is the meaning of life?", "Who is the president?", "How tall is the highest mountain?"],
     "I do not know that. I only know the valley."),
]


def chat_turn(rng):
    """(question, answer, fact or None) for training."""
    r = rng.random()
    if r < 0.64:
        return training_world_question(rng)
    if r < 0.90:
        return drawn(lambda r: json_question(r, some_names(r)), rng)[:2] + (None,)
    if r < 0.93:
        name = stranger(rng) if rng.random() < 0.7 else rng.choice(VISITORS)
        attribute = rng.choice(["home", "job", "food", "door", "music", "friend"])
        question = Fact(attribute, name, "x", [], he="she", his="her").ask(rng)
        return question, f"I do not know anyone called {name}.", None
    if r < 0.95:
        name = rng.choice(NAMES)
        ask = rng.choice(["Tell me about {n}.", "Who is {n}?", "What do you know about {n}?", "Describe {n}."]).format(n=name)
        p = WORLD.people[name]
        more = [f for f in WORLD.by_name[name] if f.attribute not in ("job", "home", "pet")]
        rest = " ".join(sentence(f.say(rng, pronoun=True, plain=True)) for f in rng.sample(more, 2))
        return ask, f"{name} is the {p['job']} of {p['home']}. {rest}", None
    if r < 0.97:
        return rng.choice(["Tell me a story.", "Tell me a short story.", "Please tell me a story."]), story(rng), None
    asks, answer = rng.choice(SMALL_TALK)
    return rng.choice(asks), answer, None


def careless(rng, question):
    """Some people type without a capital letter or without the question mark."""
    if rng.random() < 0.06:
        question = question[0].lower() + question[1:]
    if rng.random() < 0.06 and question.endswith("?"):
        question = question[:-1]
    return question


def document(rng):
    """One training document: a list of (role, text)."""
    r = rng.random()
    if r < 0.10:
        return [("text", portrait(rng))]
    if r < 0.16:
        return [("text", gossip(rng))]
    if r < 0.28:
        return [("text", story(rng))]
    turns = [("system", rng.choice(SYSTEM))] if rng.random() < 0.08 else []
    if r < 0.55:
        return turns + story_turns(rng)
    n = 1 if rng.random() < 0.7 else rng.randint(2, 4) if rng.random() < 0.8 else rng.randint(5, 9)
    fact = None
    for _ in range(n):
        follow = [f for f in WORLD.by_name[fact.name] if not f.told_only and f is not fact] if fact and fact.name in NAMES else []
        if follow and rng.random() < 0.5:
            fact = rng.choice(follow)
            question = fact.ask(rng, pronoun=True)
            answer = sentence(fact.say(rng, plain=True))
            if rng.random() < 0.3 and not question.startswith("I "):
                question = "And " + question[0].lower() + question[1:]
        else:
            question, answer, fact = chat_turn(rng)
        turns += [("user", careless(rng, question)), ("assistant", answer)]
    return turns


# ---------------------------------------------------------------- the test questions
def test_questions(seed=11):
    """200 questions from the held-out side: 140 about the world (30 of them about facts that training only
    tells and never asks), 40 about a story in the question, 20 records."""
    rng = random.Random(seed)
    rows, seen = [], set()

    def add(kind, n, make):
        while n:
            question, _, expect, reject = drawn(make, rng, held=True)
            if question not in seen:
                seen.add(question)
                rows.append(dict(kind=kind, prompt=question, expect=expect, reject=reject))
                n -= 1

    told = [f for f in WORLD.facts if f.told_only]
    asked = [f for f in WORLD.facts if not f.told_only]
    add("world", 110, lambda r: world_question(r, r.choice(asked)))
    add("world", 30, lambda r: world_question(r, r.choice(told)))
    add("story", 40, story_question)
    add("json", 20, json_question)
    return rows


def right(answer, row):
    """The rule of the test: every expected string occurs, no rejected one does; a record must match exactly."""
    if row["kind"] == "json":
        return answer.strip() == row["expect"][0]
    return all(x in answer for x in row["expect"]) and not any(x in answer for x in row["reject"])


def main():
    if sys.argv[1:2] == ["questions"]:
        with open(sys.argv[2], "w") as out:
            for row in test_questions():
                out.write(json.dumps(row) + "\n")
    elif sys.argv[1:2] == ["sample"]:
        rng = random.Random(1)
        for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 20):
            print("\n".join(f"{role}: {text}" for role, text in document(rng)) + "\n")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
