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

from words import (ANIMALS, ATTRIBUTES, COLOURS, DAYS, ENDINGS, FOODS, GOODS, INSTRUMENTS, JOBS, MEN, OBJECTS,
                   OPENINGS, PETS, PLACES, PLOTS, RIVERS, ROOMS, SIGHTS, SMALL_TALK, SYSTEM, THINGS, TREES, VILLAGES,
                   VISITORS, WARES, WOMEN)


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
        n, ns, nm = (he, his, {"she": "her", "he": "him"}.get(he, he)) if pronoun else (self.name, self.name + "'s",
                                                                                        self.name)
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
        pairs = {**{a: b for a, b in zip(friends[::2], friends[1::2])},
                 **{b: a for a, b in zip(friends[::2], friends[1::2])}}
        self.facts, self.people = [], {}
        for i, name in enumerate(people):
            words = dict(he="she", his="her") if name in WOMEN else dict(he="he", his="his")
            p = dict(words, name=name, home=VILLAGES[i % 8], job=jobs[(i + i // 28 * 3) % 28],
                     animal=rng.choice(ANIMALS),
                     pet=pets[i], food=rng.choice(FOODS), door=rng.choice(COLOURS), music=rng.choice(INSTRUMENTS),
                     friend=pairs[name])
            self.people[name] = p
            for attribute, values in (("home", VILLAGES), ("job", JOBS), ("animal", ANIMALS), ("pet", PETS),
                                      ("food", FOODS),
                                      ("door", COLOURS), ("music", INSTRUMENTS), ("friend",
                                                                                  [x for x in people if x != name])):
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
            self.add("elder", village, rng.choice([n for n, p in self.people.items() if p["home"] == village]),
                     people)
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


# ---------------------------------------------------------------- questions: (question, answer, expect, reject)
def world_question(rng, fact=None):
    fact = fact or rng.choice(WORLD.facts)
    # "A willow" at the start of a sentence is right, too, so the article is not expected.
    bare = lambda value: value.removeprefix("a ").removeprefix("an ")
    # The answer to a yes/no question is the fact itself: a model this small cannot weigh what it has not yet said.
    question = fact.ask_yes_no(rng) if rng.random() < 0.12 else fact.ask(rng)
    answer = sentence(fact.say(rng, plain=True))
    return question, answer, [bare(fact.value)], [bare(v) for v in fact.others if v not in fact.name]


def stranger(rng):
    """A name that nobody in the world has."""
    starts, vowels = "b d f g h k l m n p r s t v z br dr st".split(), "a e i o u".split()
    while True:
        name = "".join(rng.choice(starts) + rng.choice(vowels) for _ in range(rng.randint(2, 3)))
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
    lines = [rng.choice([f"{p} went to the {r}.", f"{p} is in the {r}.", f"{p} ran to the {r}.",
                         f"{p} walked to the {r}."])
             for p, r in zip(people, rooms)]
    place = dict(zip(people, rooms))
    if rng.random() < 0.25:
        p = rng.choice(people)
        place[p] = rooms[n]
        lines.append(rng.choice([f"Later {p} went to the {rooms[n]}.", f"Then {p} ran to the {rooms[n]}."]))
    ask = lambda p: rng.choice([f"Where is {p}?", f"Where is {p} now?", f"In which place do we find {p}?",
                                f"Tell me where {p} is."])
    return lines, [(ask(p), f"{p} is in the {place[p]}.", [f"the {place[p]}"],
                    [f"the {r}" for r in rooms if r != place[p]]) for p in people]


def story_what(rng, names):
    """People have things."""
    n = rng.choice((2, 2, 3, 3, 4))
    rows = list(zip(rng.sample(names, n), rng.sample(OBJECTS, n)))
    lines = [rng.choice([f"{p} has the {t}.", f"{p} found the {t}.", f"{p} bought the {t}.",
                         f"{p} took the {t}."]) for p, t in rows]
    ask = lambda p: rng.choice([f"What does {p} have?", f"What does {p} have now?", f"Which thing does {p} have?",
                                f"Tell me what {p} has."])
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
            [(ask(p, v, c, g), f"{p} {v} {c} {g}.", [f" {c} "], [f" {x} " for x in counts if x != c]) for p, v, c,
             g in rows])


def story_colour(rng, names):
    """People have things that have colours."""
    n = rng.choice((2, 2, 3, 3, 4))
    rows = list(zip(rng.sample(names, n), rng.sample(COLOURS, n), rng.sample(OBJECTS, n)))
    lines = [f"{p} {rng.choice(['has', 'made', 'found', 'bought'])} {article(c)} {c} {t}." for p, c, t in rows]
    ask = lambda p, t: rng.choice([f"What colour is {p}'s {t}?", f"Which colour does {p}'s {t} have?",
                                   f"Tell me the colour of {p}'s {t}."])
    return lines, [(ask(p, t), f"{p} has {article(c)} {c} {t}.", [c], [x for _, x, _ in rows if x != c]) for p, c,
                   t in rows]


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
            return [turn for ask, (_, answer, _, _) in list(zip(asks, questions))[:n] for turn in (("user", ask),
                                                                                                   ("assistant",
                                                                                                    answer))]


def json_question(rng, names=ALL_NAMES):
    """A sentence, and the keys of the record to make from it, in the order wanted."""
    v = dict(name=rng.choice(names), item=rng.choice(GOODS), count=rng.randint(2, 60), village=rng.choice(VILLAGES),
             day=rng.choice(DAYS))
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
    ask = rng.choice(["Fill a JSON record with {k}: {s}", "Write {k} as JSON: {s}",
                      "{s} Write a JSON record with {k}."])
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
    lead = ["", "", "", "They say that ", "Everyone knows that ", "In the valley people know that ",
            "It is true that "]
    return " ".join(sentence(rng.choice(lead) + f.say(rng)) for f in rng.sample(WORLD.facts, rng.randint(2, 5)))


def story(rng):
    """A short tale about one person of the valley; what it says about people is true."""
    value = lambda subject, attribute: next(f.value for f in WORLD.by_name[subject] if f.attribute == attribute)
    name = rng.choice(NAMES + [n for n in NAMES if WORLD.people[n]["job"] == "miller"] * 6)
    p = WORLD.people[name]
    friend = WORLD.people[p["friend"]]
    thing, place = rng.choice(THINGS), rng.choice(PLACES)
    him = "her" if p["he"] == "she" else "him"
    words = {**p, **{"f" + k: v for k, v in friend.items()}, "n": name, "f": friend["name"], "him": him,
             "He": p["he"].capitalize(),
             "fhim": "her" if friend["he"] == "she" else "him", "thing": thing, "kept": value(thing, "kept"),
             "maker": value(thing, "maker"), "place": place, "sight": value(place, "sight"), "river": value(p["home"],
                                                                                                            "river"),
             "ware": value(p["home"], "ware"), "object": rng.choice(OBJECTS), "goods": rng.choice(GOODS),
             "a": article(p["job"]), **dict(zip(("room1", "room2"), rng.sample(ROOMS, 2)))}
    openings = OPENINGS.get(p["job"], []) * 2 + OPENINGS[""]
    lines = [rng.choice(openings), *rng.choice(PLOTS), rng.choice(ENDINGS)]
    return " ".join(line.format_map(words) for line in lines if line)


# ---------------------------------------------------------------- documents


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
        ask = rng.choice(["Tell me about {n}.", "Who is {n}?", "What do you know about {n}?",
                          "Describe {n}."]).format(n=name)
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
        about = WORLD.by_name[fact.name] if fact and fact.name in NAMES else []
        follow = [f for f in about if not f.told_only and f is not fact]
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
