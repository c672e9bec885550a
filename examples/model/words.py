"""The words of Quern Valley: names, ways to say and ask things, and the parts of its tales."""

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
          "the bone comb", "the tin cup", "the velvet hat", "the clay bird", "the green rope",
          "the paper map",
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
    "home": (["{n} lives in {v}", "{ns} home is in {v}", "{n} has a house in {v}",
              "{n} belongs to the village of {v}"],
             ["Where does {n} live?", "In which village does {n} live?", "Which village is {ns} home?",
              "Where is {ns} house?", "Tell me where {n} lives.", "What village does {n} come from?",
              "Where can I find {nm}?", "Where would I go to visit {nm}?", "Do you know where {n} lives?",
              "Name the village where {n} lives."], "Does {n} live in {v}?"),
    "job": (["{n} is {a} {v}", "{n} works as {a} {v}", "{ns} trade is that of {a} {v}",
             "{n} earns {his} bread as {a} {v}"],
            ["What is {ns} job?", "What does {n} do for a living?", "What work does {n} do?",
             "What trade does {n} follow?", "Tell me what {n} works as.", "How does {n} earn {his} bread?",
             "Which job does {n} have?", "What is {ns} trade?", "Do you know what {n} does for work?",
             "What does {n} work as?"], "Is {n} {a} {v}?"),
    "animal": (["{n} keeps a {v}", "{n} has a {v}", "{ns} animal is a {v}", "a {v} lives with {nm}"],
               ["What animal does {n} have?", "Which animal does {n} keep?", "What is {ns} animal?",
                "What pet does {n} have?", "Tell me which animal lives with {nm}.",
                "What kind of animal does {n} own?",
                "Which animal belongs to {nm}?", "What animal would I see at {ns} house?",
                "Does {n} have an animal, and which one?", "What sort of pet lives with {nm}?"],
                "Does {n} keep a {v}?"),
    "pet": (["{ns} {animal} is called {v}", "the name of {ns} {animal} is {v}",
             "{n} calls {his} {animal} {v}"],
            ["What is {ns} {animal} called?", "What is the name of {ns} {animal}?",
             "What does {n} call {his} {animal}?",
             "Tell me the name of {ns} {animal}.", "Which name did {n} give {his} {animal}?",
             "What do people call {ns} {animal}?", "Do you know what {ns} {animal} is called?",
             "{n} has a {animal}. What is it called?", "What name does {ns} {animal} have?"],
             "Is {ns} {animal} called {v}?"),
    "food": (["{n} likes {v} best", "{ns} favourite food is {v}", "{n} is very fond of {v}",
              "nothing tastes better to {nm} than {v}"],
             ["What food does {n} like best?", "What is {ns} favourite food?", "What does {n} like to eat?",
              "Which dish does {n} love?", "Tell me what {n} likes to eat.", "What should I cook for {nm}?",
              "Which food is {ns} favourite?", "What would {n} choose for supper?",
              "Do you know {ns} favourite dish?",
              "What does {n} enjoy eating most?"], "Does {n} like {v} best?"),
    "door": (["{ns} door is {v}", "{n} has {a} {v} door", "{n} painted {his} door {v}",
              "the door of {ns} house is {v}"],
             ["What colour is {ns} door?", "Which colour does {ns} door have?",
              "What is the colour of {ns} door?",
              "What colour did {n} paint {his} door?", "Tell me the colour of {ns} door.",
              "I am looking for {ns} house. What colour is the door?",
              "In what colour did {n} paint {his} door?",
              "Which colour is the door of {ns} house?", "Do you know what colour {ns} door is?",
              "What colour of door does {n} have?"], "Is {ns} door {v}?"),
    "music": (["{n} plays the {v}", "{ns} instrument is the {v}", "in the evening {n} plays the {v}",
               "{n} is good at playing the {v}"],
              ["What instrument does {n} play?", "Which instrument does {n} play?",
               "What is {ns} instrument?",
               "What does {n} play in the evening?", "Tell me which instrument {n} plays.",
               "What does {n} play when there is music?", "On what instrument does {n} make music?",
               "Which instrument belongs to {nm}?", "Do you know what instrument {n} plays?",
               "What does {n} make music with?"], "Does {n} play the {v}?"),
    "friend": (["{ns} best friend is {v}", "{n} is best friends with {v}", "the best friend of {nm} is {v}",
                "{n} tells {v} everything"],
               ["Who is {ns} best friend?", "Who is {ns} friend?", "Which person is {ns} best friend?",
                "Who is best friends with {nm}?", "Tell me the name of {ns} best friend.",
                "With whom is {n} best friends?", "Whom does {n} like best in the valley?",
                "What is the name of {ns} friend?", "Do you know who {ns} best friend is?",
                "Who is a friend of {nm}?"],
               "Is {v} the best friend of {nm}?"),
    "holder": (["{n} is {v}", "{v} is {n}", "the name of {n} is {v}"],
               ["Who is {n}?", "What is the name of {n}?", "Tell me who {n} is.", "Do you know who {n} is?",
                "Which person is {n}?", "I am looking for {n}. Who is it?", "Can you tell me who {n} is?",
                "Who works as {n}?"], "Is {v} {n}?"),
    "owner": (["{n} belongs to {v}", "{v} owns {n}", "the owner of {n} is {v}"],
              ["Who owns {n}?", "To whom does {n} belong?", "Who is the owner of {n}?",
               "Whose animal is {n}?",
               "Tell me who owns {n}.", "Do you know who owns {n}?", "Which person owns {n}?",
               "I found {n}. To whom should I bring it?"], "Does {n} belong to {v}?"),
    "near": (["{n} is near {v}", "{n} stands close to {v}", "you find {n} near {v}",
              "the village next to {n} is {v}"],
             ["Where is {n}?", "Which village is near {n}?", "Near which village is {n}?",
              "Tell me where {n} is.",
              "How do I find {n}?", "Which village is closest to {n}?", "Do you know where {n} is?",
              "Where would I go to see {n}?", "What village lies next to {n}?"], "Is {n} near {v}?"),
    "keeper": (["{v} looks after {n}", "the keeper of {n} is {v}", "{n} is in the care of {v}"],
               ["Who looks after {n}?", "Who is the keeper of {n}?", "Who takes care of {n}?",
                "Tell me who looks after {n}.",
                "Which person looks after {n}?", "In whose care is {n}?", "Do you know who looks after {n}?",
                "Whom do I ask about {n}?"], "Does {v} look after {n}?"),
    "sight": (["there are {v} at {n}", "{n} is home to {v}", "at {n} you can watch {v}",
               "{n} is full of {v}"],
              ["What lives at {n}?", "Which animals live at {n}?", "What can I watch at {n}?",
               "What animals are there at {n}?",
               "Tell me which animals live at {n}.", "What will I see at {n}?",
               "Do you know what lives at {n}?",
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
               "Tell me which river flows past {n}.", "What is the name of the river at {n}?",
               "Do you know the river of {n}?",
               "By which river does {n} stand?"], "Does the river {v} flow past {n}?"),
    "market": (["market day in {n} is {v}", "{n} holds its market on {v}",
                "people go to the market in {n} on {v}"],
               ["When is market day in {n}?", "On which day is the market in {n}?",
                "What day is market day in {n}?",
                "When does {n} hold its market?", "Tell me the market day of {n}.",
                "Which day should I go to the market in {n}?",
                "Do you know when the market in {n} is?"], "Is market day in {n} on {v}?"),
    "ware": (["{n} is known for its {v}", "the best {v} come from {n}", "people go to {n} for its {v}"],
             ["What is {n} known for?", "What do people buy in {n}?", "For what is {n} known?",
              "What comes from {n}?",
              "Tell me what {n} is known for.", "Why do people go to {n}?",
              "Do you know what {n} is famous for?"],
             "Is {n} known for its {v}?"),
    "elder": (["the elder of {n} is {v}", "{v} is the elder of {n}", "in {n} people ask {v}, the elder"],
              ["Who is the elder of {n}?", "Which person is the elder of {n}?",
               "What is the name of the elder of {n}?",
               "Tell me who leads {n}.", "Who leads the village of {n}?",
               "Whom do people ask for advice in {n}?",
               "Do you know who the elder of {n} is?"], "Is {v} the elder of {n}?"),
    "tree": (["{v} grows in the middle of {n}", "in the middle of {n} stands {v}", "the tree of {n} is {v}"],
             ["Which tree grows in the middle of {n}?", "What tree stands in {n}?",
              "What grows in the middle of {n}?",
              "Tell me which tree stands in {n}.", "What kind of tree grows in {n}?",
              "Under which tree do people meet in {n}?",
              "Do you know the tree of {n}?"], "Does {v} grow in the middle of {n}?"),
}


# A tale is an opening for the trade of its hero (or for any), the lines of one plot and an ending.
OPENINGS = {
    "miller": ["The millstone turned slowly, and {n} the miller of {home} listened to its song.",
               "The millstone turned all morning, for {n} the miller had much grain to grind.",
               "The millstone turned and turned, and white flour fell into the sacks of {n} the miller."],
    "baker": ["The oven was warm before the sun was up, and {n} the baker of {home} was already at work."],
    "smith": ["The hammer rang in {home}, where {n} the smith was making a new key."],
    "": ["It was a bright morning in {home}.", "One evening {n} the {job} sat in front of {his} {door} door.",
         "Rain fell on {home} all day long.", "There once was {a} {job} in {home} called {n}.",
         "The sun rose over the valley, and {n} opened {his} {door} door.",
         "Snow lay on the roofs of {home}.",
         "Early in the morning {n} the {job} walked down to the river {river}."],
}
PLOTS = [
    ["Then {n} saw that {pet} the {animal} was gone.",
     "{He} looked in the {room1}, but {pet} was not there. "
     "{He} looked in the {room2}, but there was only an old {object}.",
     "At last {f} came down the road with {pet} behind {fhim}.",
     "\"I found {pet} at {place},\" said {f}. \"Thank you,\" said {n}, and {he} was glad again."],
    ["{n} was hungry and wanted {food}, but the kitchen was empty.",
     "So {he} took a basket and went to {f}, {his} best friend, who lives in {fhome}.",
     "{f} had {food} on the table and laughed.",
     "They ate until the basket and the plates were empty, and {pet} the {animal} had the last bite."],
    ["There was to be music that night.", "{n} took the {music} from the wall, and {f} brought the {fmusic}.",
     "They played until the stars stood over {home}, and even {pet} the {animal} listened.",
     "When the last song was over, everyone went home happy."],
    ["A storm came over the hill, and the river rose.",
     "{n} was afraid for {pet} the {animal} and ran to the {room1}.",
     "There stood {f} with a lamp. \"Come in,\" said {f}, \"{pet} is here and dry.\"",
     "In the morning the sky was blue, and the two friends mended the roof together."],
    ["A stranger came to {home} and asked for {thing}.",
     "\"It is kept at {kept},\" said {n}, \"and {maker} made it long ago.\"",
     "The stranger thanked {him} and went on.", "{n} went back to work, for {a} {job} has much to do."],
    ["{n} wanted to give {f} a present.", "{He} thought of {ffood}, because {f} likes {ffood} best.",
     "{He} worked all day and sang, and in the evening {he} carried a plate to {fhome}.",
     "{f} opened the {fdoor} door and smiled. \"You are a good friend,\" said {f}."],
    ["{n} had lost an old {object}, and without it {he} could not work.",
     "{He} asked in the {room1}, and {he} asked in the {room2}, but nobody had seen it.",
     "Then {pet} the {animal} began to dig under a tree, and there it was.",
     "\"You are the cleverest {animal} in {home},\" said {n}."],
    ["On market day {n} went to the market with {f}.",
     "They bought a new {object} and some {goods}, and they looked at the {ware} that {home} is known for.",
     "On the way home they rested at {place} and watched the {sight}.",
     "It was late when they came home, and {pet} the {animal} was waiting at the {door} door."],
]
ENDINGS = ["", "", "That night {n} slept well.", "And so the day ended in {home}.",
           "The next day {he} told the story to everyone in {home}.",
           "People in {home} still talk about that day."]


SYSTEM = ["You are a guide to the valley.", "You answer questions about the valley.",
          "Answer in one short sentence.", "You are a helpful assistant."]
SMALL_TALK = [
    (["Hello!", "Hello", "Hi", "Hi!", "Good morning!", "Good evening!", "Hey"],
     "Hello! Ask me about the people, the places and the things of the valley."),
    (["Who are you?", "What are you?", "What is your name?", "Tell me about yourself."],
     "I am Quern Valley, a very small model. I know one valley and the people who live there."),
    (["What can you do?", "What do you know?", "Can you help me?", "What can I ask you?"],
     "I can tell you about the people of the valley, answer questions about a short story, and fill a JSON record."),
    (["Which villages are in the valley?", "Name the villages of the valley.", "What villages are there?"],
     "The villages are " + ", ".join(VILLAGES[:-1]) + " and " + VILLAGES[-1] + "."),
    (["Which rivers flow through the valley?", "Name the rivers.", "What rivers are there?"],
     "The rivers are the Wend, the Lark and the Sill."),
    (["Thank you!", "Thanks", "Thank you", "Thanks!"], "You are welcome."),
    (["Goodbye!", "Bye", "Good night!"], "Goodbye! Come back to the valley soon."),
    (["What is the capital of France?", "Who wrote Hamlet?", "What is the weather like?", "What is 2 plus 2?",
      "Write a computer program.",
      "How do I fix my car?", "What is the meaning of life?", "Who is the president?",
      "How tall is the highest mountain?"],
     "I do not know that. I only know the valley."),
]
