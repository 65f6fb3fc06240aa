"""Writes short stories for demo/train_storyteller.py: the whole text that the storyteller learns from.

A story is a hero, a friend, a place, something the hero loves, and one of the plots below. Each plot
is four beats (the problem, an attempt, the turn, how it ended), each beat a few ways to say it. What is
chosen once (a name, a pronoun, a lost object, a favourite supper) stays the same to the last line, which
is what the model has to learn. The same seed gives the same stories.

Slots: {N} the hero, {aK} "a small fox", {k} "fox", {he} {him} {his} {He} {His} {self}, {hand} hand or paw;
{F} {aFK} {fk} {fhe} {fhim} {fhis} {FHe} {FHis} the same for the friend; {P} the place; {H} the home;
{W} {aW} someone wise; {love} what the hero loves. Plots add their own, as {O}, {O_up} (capital
letter) and {O_the} ("a red ball": "the red ball").
"""

import random

# (kind, where it lives, what it has in place of hands)
ANIMALS = [
    ("fox", "a den under an old oak", "paw"),
    ("rabbit", "a burrow beneath the brambles", "paw"),
    ("mouse", "a hole behind the mill", "paw"),
    ("bear", "a cave with a mossy door", "paw"),
    ("hedgehog", "a house of dry leaves", "paw"),
    ("otter", "a den by the river", "paw"),
    ("squirrel", "a hollow tree", "paw"),
    ("badger", "a deep, warm burrow", "paw"),
    ("cat", "a barn full of hay", "paw"),
    ("dog", "a house beside the gate", "paw"),
    ("mole", "a tunnel under the meadow", "paw"),
    ("frog", "a pond with white lilies", "hand"),
    ("owl", "the tower of an empty church", "wing"),
    ("duck", "a nest among the reeds", "wing"),
    ("crow", "a nest at the top of a tall pine", "wing"),
    ("sparrow", "a nest above the baker's window", "wing"),
    ("goose", "a shed behind the farm", "wing"),
    ("dragon", "a cave behind a waterfall", "claw"),
]
PEOPLE = [
    ("girl", "a cottage with a blue door", "f"),
    ("girl", "a house with a crooked chimney", "f"),
    ("boy", "a cottage with a green roof", "m"),
    ("boy", "a house at the end of the lane", "m"),
    ("baker", "a room above the bakery", "fm"),
    ("gardener", "a hut between the apple trees", "fm"),
    ("shepherd", "a stone hut on the hill", "fm"),
    ("clockmaker", "a shop full of ticking clocks", "fm"),
    ("miller", "a mill with creaking sails", "fm"),
    ("giant", "a house as tall as a tower", "fm"),
    ("sailor", "a boat that smelled of tar", "fm"),
    ("tailor", "a shop with a yellow lamp", "fm"),
]
HERO_ADJECTIVES = ["small", "little", "young", "quiet", "cheerful", "kind", "clever", "gentle"]
FRIEND_ADJECTIVES = ["big", "tall", "old", "grey", "round", "funny", "sleepy", "lively", "thin"]
FEMALE = """Lila Mara Nina Rosa Tilly Ada Ivy Wren Hazel Pia Juno Elsa Molly Flora Greta Ruby Luna Olive
Clara Bea Dora Anna Mina Sofia Zara Kaya Lucy Emma Nora Willow Daisy Poppy Mabel Ella Tess""".split()
MALE = """Tom Finn Oscar Leo Max Jasper Otto Milo Hugo Theo Felix Sam Ben Arlo Emil Pip Noah Bruno Ravi
Kofi Jonas Toby Rufus Otis Jack Henry Ned Simon Peter Basil Gus Albert Rowan Oliver Ezra""".split()
PLACES = [
    "a small village by the sea", "a green valley", "a quiet forest", "a town on a hill",
    "a village between two rivers", "a land of lakes and birches", "a deep wood",
    "a town with red roofs", "a meadow full of clover", "a village at the foot of a mountain",
    "an island where the wind never slept", "a valley where apples grew",
]
WISE = ["tortoise", "heron", "toad", "woman", "man", "raven", "goat"]
TRAITS = [
    "{He} was kind to everyone {he} met.",
    "{He} asked questions from morning till night.",
    "{He} was shy, and liked to listen more than to speak.",
    "{He} was not strong, but {he} never gave up.",
    "{He} was always cheerful and sang at work.",
    "{He} liked to dream, and often forgot the time.",
    "Everybody said that {he} was too slow, but {he} was only careful.",
    "{He} was brave by day, but not always by night.",
    "{He} had few things, and was happy with them.",
]
# (what the hero loves, how the last evening is spent with it)
LOVES = [
    ("warm bread with honey", "they ate warm bread with honey until the moon came up"),
    ("stories about the stars", "they told each other stories about the stars"),
    ("the sound of rain", "it began to rain, and they listened to the sound of the rain"),
    ("apple cake", "there was apple cake for everyone"),
    ("old songs", "they sang old songs, one after another"),
    ("long walks at dusk", "they went for a long walk at dusk"),
    ("hot soup", "they shared a big pot of hot soup"),
    ("dancing", "there was dancing until late in the night"),
    ("watching the clouds", "they lay in the grass and watched the clouds turn red"),
    ("blueberry pie", "they ate blueberry pie until their mouths were blue"),
    ("sitting by the fire", "they sat by the fire and did not say much"),
    ("counting fireflies", "they counted fireflies, and never got to the end"),
]
TOGETHER = [
    "Every morning they walked to the river together.",
    "The two of them shared everything, even their secrets.",
    "They had known each other for as long as they could remember.",
    "They did not look alike, but they laughed at the same things.",
    "Where one of them went, the other went too.",
]
OPENINGS = [
    (8, "Once upon a time, in {P}, there lived {aK} named {N}."),
    (8, "Once upon a time there was {aK} named {N}, who lived in {H}."),
    (6, "Once upon a time, {aK} named {N} lived in {H}."),
    (4, "Once upon a time, in {P}, {aK} named {N} lived in {H}."),
    (2, "There was once {aK} called {N}, who lived in {H}."),
    (2, "Long ago, in {P}, there lived {aK} named {N}."),
    (2, "Far away, in {P}, there lived {aK} called {N}."),
    (2, "In {P} there lived {aK} whose name was {N}."),
    (2, "{N} was {aK} who lived in {P}."),
]
LOVE_LINES = [
    "More than anything else, {he} loved {love}.",
    "What {he} loved most was {love}.",
    "There was nothing {he} loved more than {love}.",
]
FRIEND_LINES = [
    "{His} best friend was {aFK} named {F}.",
    "{He} had a good friend, {aFK} named {F}.",
    "Next door lived {F}, {aFK}, and the two were friends.",
]
WISE_LINES = [
    "On the way {he} met {aW}.",
    "By the path sat {aW}.",
    "Then {he} remembered {aW} who lived nearby, and went to ask for help.",
]
EVENINGS = ["That evening", "When the sun went down", "That night", "In the evening"]
ENDINGS = [
    "And {N} slept well, and dreamed of nothing but good things.",
    "And if you go there today, you may still hear them laugh.",
    "{N} smiled, because it had been a good day.",
    "And they were friends for the rest of their lives.",
    "Then {N} went home, closed {his} eyes, and fell asleep.",
    "{N} had never been so happy.",
    "And all was well.",
]

PLOTS = []


def plot(slots, problem, attempt, turn, ending):
    PLOTS.append((slots, (problem, attempt, turn, ending)))


plot({"O": ["red scarf", "silver bell", "blue kite", "golden key", "wooden flute", "brass compass"],
      "G": ["grandmother", "grandfather", "mother", "father"],
      "S": ["under the bridge", "in the tall grass", "behind the mill", "at the edge of the pond"]},
     ["One morning {N} could not find {his} {O}. It had been a gift from {his} {G}, and {he} wanted to cry.",
      "One day {N} lost {his} {O}. {His} {G} had given it to {him}, and there was no other like it.",
      "One windy day {N} came home and saw that {his} {O} was gone. It had belonged to {his} {G}."],
     ["{He} looked in every corner of the house, but the {O} was not there. {F} helped, and looked in every "
      "basket and every box. They found a button, two nuts and a spoon, but no {O}.",
      "{He} searched the garden and the road, but found nothing. \"Don't be sad,\" said {F}. \"Four eyes see "
      "more than two.\" So they searched together until noon, but they did not find the {O}.",
      "{N} ran up and down the road. \"Has anyone seen my {O}?\" {he} called. Nobody had. Only {F} came and "
      "said, \"I will look with you.\""],
     ["{wise} \"Where were you happy yesterday?\" the old {w} asked. {N} thought about it. Yesterday {he} had "
      "been playing {S}. {He} and {F} ran there, and there lay the {O}, shining in the sun.",
      "{wise} \"Things are not lost,\" said the old {w}. \"They are only waiting. Go back the way you came.\" "
      "{N} went back, step by step, and {S} {he} found the {O}.",
      "Then {F} heard somebody crying {S}. It was a tiny bird. It had found the {O} and had made its bed of "
      "it. \"I was so cold,\" said the bird. {N} was not angry. {He} brought the bird some soft wool, and the "
      "bird gave back the {O}."],
     ["{N} held the {O} tight all the way home. \"Thank you,\" {he} said to {F}. \"Alone I would have given up.\"",
      "From that day on {N} took good care of the {O}. But {he} knew now that a friend like {F} was worth more.",
      "{N} told {his} {G} the whole story. \"The {O} is only a thing,\" said {his} {G}. \"But {F} is a "
      "treasure.\""])

plot({"O": ["medicine", "a basket of bread", "a warm blanket", "a pot of soup"],
      "G": ["grandmother", "aunt", "uncle", "grandfather"]},
     ["One day news came that {his} {G} was ill. {N} wanted to bring {O} at once, but a storm had broken the "
      "bridge, and the river was wide and wild.",
      "One autumn day {his} {G} fell ill on the other side of the river. {N} packed {O} and set out, but when "
      "{he} came to the river, the bridge was gone.",
      "After a night of rain the bridge was broken. On the other side lived {his} {G}, who was ill and "
      "waited for {O}."],
     ["First {N} tried to swim, but the water was cold and pushed {him} back. Then {he} tried to jump from stone "
      "to stone, but the stones were wet. {He} sat down on the bank and did not know what to do.",
      "{He} tried to build a raft, but the river took it away. {He} tried to throw a rope, but it was too short. "
      "\"It is no use,\" {he} said.",
      "{F} wanted to help and pulled a branch to the river. It was too short. They pulled a longer one, and the "
      "river broke it like a straw."],
     ["{wise} \"One branch is weak,\" said the old {w}, \"but many branches are strong.\" {N} and {F} called all "
      "the neighbours. Each of them brought a branch, and before the sun was high they had made a new bridge.",
      "Then {F} had an idea. \"The old willow leans over the water,\" said {F}. \"If we climb to the end, we are "
      "almost there.\" They climbed slowly, held on to each other, and landed softly on the other side.",
      "{wise} \"The river is tired in the evening,\" said the old {w}. \"Wait a little.\" They waited, and when "
      "the rain had stopped, the water sank, and {N} and {F} walked across, hand in hand."],
     ["{His} {G} was so glad that the illness was half forgotten. \"You came through all that water "
      "for me?\" \"Yes,\" said {N}, \"but not alone.\"",
      "When {N} knocked at the door, {his} {G} was sitting by the window. {N} had brought {O_the}, and {F} had "
      "brought a flower. Soon all was well again.",
      "Three days later {his} {G} was well again. And the people still call that place the crossing of {N} and {F}."])

plot({"C": ["silver", "golden", "blue", "white"], "S": ["in the meadow", "on the hill", "beside the pond", "on the roof"]},
     ["One night a {C} light fell from the sky. {N} ran outside and found a tiny star lying {S}. \"I fell,\" said "
      "the star, \"and I don't know how to get home.\"",
      "One clear night {N} could not sleep. {S_up} something was shining. It was a small {C} star, and it was "
      "crying. \"I leaned out too far,\" it said, \"and now I am here.\"",
      "One night in winter {N} saw a {C} star fall. {He} found it {S}, no bigger than an apple. \"Please help me "
      "to get back,\" said the star."],
     ["{N} picked up the star. It was warm. {He} threw it as high as {he} could, but it fell back into the grass. "
      "{F} tried too, and threw it higher, but the sky was much too far away.",
      "{N} climbed the tallest tree and held the star up, but the sky was still far away. {F} brought a ladder and "
      "put it on the hill, but even that was not enough.",
      "\"We will carry you,\" said {N}. {He} and {F} climbed the highest mountain they knew. But when they reached "
      "the top, the sky was as far away as before."],
     ["{wise} \"A star does not need to be thrown,\" said the old {w}. \"It needs to be light. What makes you "
      "light, {N}?\" {N} thought of {love}, and began to laugh, and the star laughed too. And while it laughed, "
      "it rose, higher and higher.",
      "Then {N} had an idea. \"What made you heavy?\" {he} asked. \"I was afraid,\" said the star. So {N} and {F} "
      "sat down beside it and sang every song they knew. The star grew lighter and lighter, until it "
      "floated up into the sky.",
      "Then the wind came by. \"I am going up,\" said the wind, \"but I can only carry what is asked of me "
      "politely.\" \"Please,\" said {N}. \"Please,\" said {F}. And the wind took the star and carried it home."],
     ["Now a {C} star stands above the house of {N}, and it shines a little brighter than the others.",
      "Since then, whenever {N} looks up, one small {C} star blinks twice. That means: thank you.",
      "The next night {N} and {F} looked up. There it was, small and {C}, in its old place, and it winked at them."])

plot({"D": ["the dark", "the night", "the shadows in the room"]},
     ["But {N} had a secret: {he} was afraid of {D}. Every evening, when the lamp went out, {he} pulled the "
      "blanket over {his} head and waited for the morning.",
      "There was one thing that nobody knew. {N} was afraid of {D}. \"If only the sun would stay,\" {he} thought.",
      "When evening came, {N} grew quiet, because {he} was afraid of {D}. {He} never told anyone, not even {F}."],
     ["One evening {he} tried to keep a candle burning, but the wind blew it out. {He} tried to stay awake, but "
      "then the night was only longer.",
      "One night {he} counted to a hundred, and then to a thousand, but it did not help. Something outside went "
      "tap, tap, tap, and {N} did not dare to move.",
      "At last {he} told {F}. {F} did not laugh. \"I am afraid of thunder,\" said {F}. \"Let us look at the night "
      "together.\""],
     ["{wise} \"Come with me,\" said the old {w}, and led {him} outside. At first {N} saw nothing. Then {he} saw one "
      "star, then ten, then more than anyone could count. An owl called, and the grass smelled sweet. \"You see,\" "
      "said the old {w}, \"the night is not empty. It is full.\"",
      "They opened the door and stepped out. The tap, tap, tap was only a branch that touched the window. Above "
      "the trees stood the moon, round and yellow. \"It is beautiful,\" whispered {N}.",
      "Then a firefly came through the window. \"I can only be seen when it is dark,\" it said. \"Without the night "
      "nobody would know me.\" {N} looked at the small light and was not afraid any more."],
     ["From then on {N} kept the window open at night, and listened until {he} fell asleep.",
      "Now {N} is the one who tells the little ones that there is nothing to fear. \"Look up,\" {he} says. \"Look how "
      "many lights there are.\"",
      "And the next time {F} was afraid of thunder, {N} sat beside {fhim} and held {fhis} {fhand}."])

plot({"C": ["brown", "black", "round", "tiny"], "L": ["sunflower", "apple tree", "rose", "pear tree", "pumpkin"],
      "T": ["a week", "two weeks", "a month"]},
     ["One spring day {N} found a {C} seed on the road. \"I wonder what is inside,\" {he} said. {He} planted it in "
      "front of the house, gave it water, and waited.",
      "One spring day {aW} gave {N} a {C} seed. \"Plant it,\" said the old {w}, \"and don't forget it.\" {N} put "
      "it into the earth and watered it every day.",
      "In spring {N} planted a {C} seed. {He} wanted to see it grow, and sat down beside it to watch."],
     ["But nothing grew. After {T} there was still only earth. \"Perhaps it is asleep,\" said {F}. {N} wanted to dig "
      "it up, but {F} held {his} {hand}. \"Wait,\" said {F}.",
      "{T_up} passed, and nothing happened. The neighbours laughed. \"You are watering a stone,\" they said. {N} "
      "was sad, but {he} watered it all the same.",
      "One day passed, then another, then {T}. {N} sang to the seed and told it stories. Still there was nothing "
      "to see."],
     ["Then, after a warm night of rain, there was a small green tip. It grew and grew, and in summer a beautiful "
      "{L} stood in front of the house of {N}.",
      "One morning {F} came running. \"Come quickly!\" Out of the earth came two green leaves. By summer "
      "they had become a {L}, the largest that anyone had ever seen.",
      "And then, when nobody was looking, the earth opened a little, and a green leaf looked out. \"Good "
      "morning,\" whispered {N}. By the end of summer it was a {L}, and all who came by stopped to look."],
     ["\"How did you do it?\" asked the neighbours. \"I did almost nothing,\" said {N}. \"I only waited, and {F} "
      "waited with me.\"",
      "{N} gave a seed of it to everyone who had laughed. \"Be patient,\" {he} said. And the next year the whole "
      "place was in bloom.",
      "\"Some things can't be hurried,\" said {F}. {N} nodded. \"And those are the best ones,\" {he} said."])

plot({"V": ["wolf", "giant", "bear", "dragon", "troll"], "R": ["the old mill", "the empty tower", "a cave on the hill"]},
     ["One day a {V} came and moved into {R}. Everybody was afraid and locked the doors. \"It will eat us,\" they "
      "said. Only {N} wondered why the {V} looked so sad.",
      "One winter a {V} came to live in {R}. Nobody had ever spoken with it, but everybody said that it was "
      "terrible. {N} was not so sure.",
      "One evening there was smoke above {R}. \"A {V} lives there now,\" said {F}, and trembled. \"Nobody must go "
      "near it.\""],
     ["{N} went there and knocked, but the {V} roared, and {N} ran all the way home. \"I told you,\" said {F}.",
      "{N} crept closer and looked through the window. The {V} sat alone at a table with two cups. One of them was "
      "empty. Then the floor creaked, the {V} looked up, and {N} ran away.",
      "The people wanted to chase it away with drums and sticks. \"Wait,\" said {N}. \"Let me talk with it first.\" "
      "{His} knees were shaking."],
     ["The next day {N} came back and brought some soup. The {V} opened the door only a little. \"Are you not afraid of "
      "me?\" it asked. \"A little,\" said {N}. \"And you?\" \"A little too,\" said the {V}. \"Everybody shouts when "
      "they see me.\" Then they both began to laugh.",
      "{N} went back, and {F} came too. They heard somebody crying. The {V} had a thorn in its foot. {N} pulled it "
      "out, slowly and carefully, and {F} tied a leaf around the foot. \"Nobody was ever so kind to me,\" said the {V}.",
      "{N} put a cake before the door and waited. After a while the door opened. \"Is that for me?\" asked the {V} "
      "in a very small voice. \"It is for both of us,\" said {N}. They ate, and the {V} told of the land that it came "
      "from."],
     ["Soon the {V} knew everybody's name. It carried wood for the old and played with the young, and nobody locked "
      "the doors any more.",
      "The next day {N} brought the {V} to the market. At first it was very quiet there. Then {F} said, \"Good "
      "morning,\" and then everybody said it.",
      "Now, when strangers come, it is the {V} who bids them welcome. \"I know how it is to be new,\" it says."])

plot({"O": ["a red ball", "a wooden boat", "a bag of sweet cherries", "a shiny shell", "a big pumpkin"]},
     ["One day {N} and {F} found {O}. \"I saw it first,\" said {N}. \"But I picked it up,\" said {F}. They quarrelled, "
      "and in the end each of them went home alone.",
      "One afternoon {N} and {F} quarrelled about {O}. Each wanted it, and neither would share. \"Then I don't want "
      "to see you any more,\" said {F}, and ran away.",
      "One day there was a quarrel. {N} and {F} had found {O}, and both wanted to have it. They said things that "
      "they did not mean."],
     ["{N} had {O_the} now, but it was no fun. {He} played alone for a while. Then {he} sat at the window and looked "
      "at the house of {F}.",
      "The next day {N} walked to the river alone. It was very quiet there. There was nobody to laugh with, and "
      "the way home was long.",
      "{N} tried to play with others, but nobody knew the old jokes. In the evening {he} was so sad that {he} could "
      "not eat."],
     ["{wise} \"What is heavier,\" asked the old {w}, \"a stone, or an angry word?\" \"An angry word,\" said {N}. "
      "\"Then put it down,\" said the old {w}. {N} ran to {F} as fast as {he} could. \"I am sorry,\" {he} said. \"So "
      "am I,\" said {F}.",
      "At last {N} took {O_the} and carried it to the door of {F}. But there stood {F}, who was just coming out. \"I "
      "wanted to say that you can have it,\" they both said at the same time, and then they laughed.",
      "In the night there was a storm, and {N} thought, \"{F} is afraid of storms.\" {He} ran through the rain and "
      "knocked. \"I thought that you would never come again,\" said {F}. \"I am sorry,\" said {N}."],
     ["They shared {O_the} and never quarrelled about it again. It belonged to both of them now.",
      "They gave {O_the} to a child who had nothing to play with, and felt lighter than before.",
      "\"Next time we will share,\" said {N}. \"And the time after that,\" said {F}."])

plot({"M": ["mole", "ant", "beetle", "snail", "worm"], "S": ["under the old oak", "behind the hill", "below the great stone"]},
     ["One hot summer the well ran dry. The flowers hung their heads, and everybody was thirsty. \"If we don't find "
      "water,\" they said, \"we will have to go away.\"",
      "That summer it did not rain for a hundred days. The river became a brook, and the brook became sand. \"Where "
      "will we find water?\" asked {F}.",
      "One summer there was no rain at all, and the pond grew smaller every day. {N} was worried."],
     ["The strong ones dug deep holes, but they found only dust. {N} wanted to help, but they said, \"You are too "
      "small.\" So {he} and {F} went away to search alone.",
      "{N} and {F} walked all day and looked behind every hill. They found dry leaves and dry stones, but not a "
      "drop of water.",
      "They tried here and they tried there, but the earth was as hard as stone. In the evening even {F} had lost "
      "hope."],
     ["Then {N} heard a thin voice. It was a {M}. \"Nobody ever asks me,\" it said, \"but I know what is {S}. Put "
      "your ear to the ground.\" {N} did so, and heard a soft murmur: water! They dug, and a clear spring came out.",
      "There {N} saved a {M} that lay on its back in the sun. \"Because you are kind,\" said the {M}, \"I will tell "
      "you a secret. There is a spring {S}.\" They dug there all night, and in the morning the water came.",
      "{N} sat down and was very quiet. A small {M} came by, and its feet were wet. \"Where do you come from?\" asked "
      "{N}. It showed them a crack {S}. They dug a little, and cold, clear water came out."],
     ["Everybody drank, and the flowers stood up again. And nobody ever said again that {N} was too small.",
      "The others came with jugs and buckets, and there was enough for all. \"We should have asked the {M},\" they "
      "said. \"One should always ask,\" said {N}.",
      "They called it the spring of the little {M}, and it has never run dry."])

plot({"B": ["bird", "swallow", "butterfly", "robin"], "C": ["blue", "yellow", "red", "white"]},
     ["One cold day {N} found a {C} {B} in the snow. Its wing was hurt, and it could not fly. \"Leave me,\" it said. "
      "\"Winter is coming.\" But {N} carried it home.",
      "One autumn evening something fell against the window. It was a small {C} {B} with a broken wing. {N} made a bed of "
      "wool for it beside the stove.",
      "On the path lay a {C} {B} that was too weak to fly. {N} took it into {his} {hand} and felt its heart beat "
      "fast."],
     ["It would not eat. {N} brought bread, then seeds, then berries, but it only looked out of the window. \"It is "
      "homesick,\" said {F}.",
      "Days passed. The wing healed, but the {B} was still too afraid to fly. \"I have forgotten how,\" it said.",
      "{F} came every day to help. Together they kept it warm, but it did not sing and did not speak."],
     ["So {N} sat down and told it about {love}. {He} told and told, until the {B} lifted its head. The next "
      "morning it ate, and the day after it sang.",
      "Then {F} had an idea. They climbed the hill, where the wind was soft. \"We will run beside you,\" said {N}. They "
      "ran, and the {B} spread its wings, and suddenly it was in the air.",
      "{wise} \"You can't push it,\" said the old {w}. \"You can only open the window.\" {N} opened the window. For a long "
      "time nothing happened. Then the {C} {B} hopped out, looked back once, and flew."],
     ["In spring it came back, and it brought its whole family. They sang for {N} every morning.",
      "{N} was a little sad when it flew away. But the next day a {C} feather lay on the doorstep.",
      "Every year since then, on the first day of spring, a {C} {B} knocks at the window of {N}."])

plot({"S": ["a ship", "a little boat", "a fishing boat"], "L": ["a bell", "an old drum", "a horn"]},
     ["One night a thick fog came, and the lamp of the lighthouse went out. Far out on the water was {S}, and it could "
      "not find the way home.",
      "One evening the keeper of the lighthouse was ill, and nobody lit the lamp. Then the fog came, and out on the "
      "water somebody called for help. It was {S}.",
      "One stormy night the light of the lighthouse broke, and {S} was still out on the dark water."],
     ["{N} ran up the stairs of the tower, but the lamp was broken. {He} lit a candle, but the wind blew it out. {F} "
      "waved a lantern, but the fog swallowed the light.",
      "\"We must do something,\" said {N}. They lit a fire on the beach, but the rain put it out. They shouted, but "
      "the waves were louder.",
      "{N} and {F} stood on the beach and could not see a thing. \"They can't see us either,\" said {F}. \"What shall "
      "we do?\""],
     ["\"If they can't see,\" said {N}, \"they must hear.\" In the shed there was {L}. {N} took it and made as much "
      "noise as {he} could, and {F} clapped and sang. Slowly, very slowly, {S_the} followed the sound and came into the harbour.",
      "Then {N} remembered {L} in the attic. All night long {he} and {F} took turns with it. When the morning came, "
      "{S_the} lay safely in the harbour.",
      "{N} woke all the neighbours. Each of them brought a lamp, and they stood in a long row on the beach. One lamp "
      "was small, but a hundred lamps were like a second moon. And {S_the} found the way home."],
     ["\"Who saved us?\" asked the sailors. {N} turned red, and {F} pushed {him} forward. \"{N} did,\" said {F}.",
      "The sailors gave {N} a blue cap, and {he} wore it every day.",
      "Since that night {N} helps the keeper of the lighthouse, and the lamp has never gone out again."])

plot({"R": ["boat race", "running race", "kite contest", "cake contest", "singing contest"],
      "V": ["hare", "hen", "beetle", "calf", "kitten"]},
     ["Every summer there was a great {R}, and this year {N} wanted to win. {He} practised from morning till "
      "evening, and {F} helped {him}.",
      "One day it was announced that there would be a {R}. The prize was a golden cup. {N} had never won anything in "
      "{his} life, and {he} made up {his} mind to try.",
      "The day of the {R} had come at last. {N} had waited for it all year long, and {he} was so excited that {he} could "
      "not eat."],
     ["On the way there {N} heard somebody call for help. A little {V} had fallen into a ditch and could not get "
      "out. \"If I stop,\" thought {N}, \"I will be too late.\"",
      "But just before it began, {he} saw a small {V} that was crying. It had lost its mother in the crowd. {N} looked at "
      "the flags, and then {he} looked at the {V}.",
      "{N} was almost there when {he} came upon a {V} with a hurt leg. Everybody else hurried past. \"I have no "
      "time,\" they said."],
     ["{N} stopped. {He} helped the {V} and carried it home. When {he} came to the {R}, it was over, and the "
      "people were going home. {F} was waiting for {him}. \"I saw what you did,\" said {F}.",
      "{N} took a deep breath and stayed. It took a long time, but at last the {V} was safe. From far away {N} heard the "
      "music of the {R}, and then it was silent.",
      "\"There will be another {R},\" said {N}, and bent down to help. The {V} put its head on {his} shoulder. When "
      "they arrived, the golden cup had been given to somebody else."],
     ["But the winner had heard the story. \"I won only because {N} was not there,\" said the winner, and gave {him} the "
      "cup. {N} gave it to the {V}.",
      "In the evening there was a knock at the door. There stood the {V} with its whole family, and they had made a cup of "
      "clay for {N}. It was crooked, and it was the most beautiful thing {he} had ever owned.",
      "\"Are you sad?\" asked {F}. {N} thought about it. \"No,\" {he} said. \"I think I won something else.\""])

plot({"E": ["nuts", "apples", "potatoes", "carrots"], "V": ["deer", "hare", "wren", "old dog", "hungry fox"]},
     ["Winter came early that year, and the snow was deep. {N} had a small store of {E}, just enough until spring. Then "
      "somebody knocked. It was a {V} that had nothing left to eat.",
      "It was the coldest winter that anyone could remember. {N} had collected {E} all autumn long. One night there was "
      "a {V} at the door, thin and tired.",
      "One winter evening {N} was counting {his} {E}. \"If I am careful, it will be enough,\" {he} said. At that "
      "moment a {V} knocked at the door."],
     ["\"If you share, it will not be enough for you,\" said {F}. {N} looked at the {E}, and then at the {V}. {He} did not "
      "sleep that night.",
      "{N} wanted to say no. But the {V} was shaking from the cold, and snow lay on its back.",
      "{N} gave it a little, and the next day it came again, and the day after that. Soon the store was almost empty."],
     ["\"Come in,\" said {N} in the end. \"Half of it is yours.\" They ate little and told many stories, and somehow the "
      "winter was shorter than {he} had feared.",
      "So {N} shared what {he} had. And when {F} saw that, {fhe} brought what {fhe} had, and then the neighbours came too. "
      "When everything lay on one table, it was enough for all.",
      "When the last of the {E} was gone, there was a knock at the door. It was {F} with a full basket. \"You shared with "
      "the {V},\" said {F}, \"and now I share with you.\""],
     ["In spring the {V} showed {N} a hidden meadow where everything grew. \"I have not forgotten,\" it said.",
      "When the snow was gone, they planted new {E} together, and in autumn there were twice as many.",
      "Since then there is always one more plate on the table of {N}, just in case."])

plot({"T": ["the town clock", "the great clock", "the clock in the tower"], "B": ["a nest", "a sleeping bat", "a family of mice"]},
     ["One morning {T} stood still. Nobody knew when to open the shops or when to go to bed. The strongest and the "
      "cleverest came, but nobody could mend it.",
      "One day {T} stopped. It had never stopped before. Dinner was late, the school was empty, and nobody knew what "
      "time it was.",
      "At noon {T} did not strike. \"What has happened?\" asked {F}. Everybody stood in the square and looked up."],
     ["One of them hit it with a hammer. Another poured oil into it. It did not help. \"Let me try,\" said {N}, but "
      "nobody listened.",
      "\"It is too old,\" they said. \"We must throw it away.\" {N} did not like that. {He} had listened to that clock "
      "every day of {his} life.",
      "They pushed it and they pulled it, and it only groaned. {N} and {F} waited until everybody had gone home."],
     ["Then {N} climbed up, step by step, with a lamp in {his} {hand}. {He} was quiet and listened. Between "
      "two wheels {he} found {B}. {N} carried it gently to a safer place, and the clock began to tick.",
      "\"Perhaps it is not broken,\" said {N}. {He} looked inside, where nobody else had looked, and there {he} found {B}. "
      "{F} brought a box with straw and made a new home for it. Tick, said the clock. Tock.",
      "Inside it was dark and full of dust. {N} held up the lamp. \"Look,\" {he} whispered. Between the wheels was {B}. So that "
      "was why it had stopped! They made a new home for it under the roof, and the clock began to tick again."],
     ["When it struck in the morning, everybody looked up and cheered. \"How did you mend it?\" they asked. \"I listened,\" "
      "said {N}.",
      "Now {N} has the key of the tower, and {he} climbs up once a week to see that all is well.",
      "\"Strong is good,\" said {F}, \"and clever is good. But careful is best.\" {N} only smiled."])

plot({"M": ["an old map", "a letter with a map", "a map in a bottle"], "S": ["a red cross", "a blue star", "a golden circle"],
      "X": ["a box with a mirror", "a book with empty pages", "a tiny lamp", "a bag of seeds"]},
     ["One day {N} found {M}. On it was {S}. \"A treasure!\" cried {F}. They took some bread and a lantern, and set "
      "out.",
      "One rainy day {N} looked around in the attic and found {M}. {S_up} showed the place where something was hidden. "
      "{N} ran to {F}. \"We must go there,\" {he} said.",
      "One morning {N} found {M} among the stones. Somebody had drawn {S} on it. {F} looked at it for a long time. \"I know "
      "that place,\" {fhe} said."],
     ["They walked through the forest and over the hill. They got lost twice, and {F} fell into a brook. They laughed "
      "until their sides hurt.",
      "The way was long. They crossed a swamp, they climbed over rocks, and at noon they shared their last piece of bread. "
      "\"You can have the bigger half,\" said {N}.",
      "They walked all day. When {N} was tired, {F} told a joke. When {F} was tired, {N} carried {fhis} bag."],
     ["At last they found the place and dug. There was {X}, and a note. \"The treasure,\" it said, \"is the one who "
      "came with you.\" {N} and {F} looked at each other.",
      "Under a flat stone they found {X}, and nothing else. {F} was disappointed. But {N} said, \"Think of all that we "
      "have seen today. I would do it again.\"",
      "When the sun was low they came to a hollow tree, and inside was {X}. It was not gold. But it was theirs, and they had "
      "found it together."],
     ["They put a loaf of bread into the hole, and a note for the next one who would come. Then they walked home under the stars.",
      "They keep it on the shelf of {N} to this day, and when they look at it, they laugh about that day.",
      "On the way home they drew a map of their own, and hid it for somebody else to find."])


def article(noun):
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def definite(noun):
    """"a red ball" is "the red ball" when it is named again."""
    for word in ("a ", "an "):
        if noun.startswith(word):
            return "the " + noun[len(word):]
    return noun if noun.startswith("the ") else "the " + noun


def made_name(rng):
    """A name that is in no list, so that the model learns to repeat names, not to know them."""
    syllables = ["ba", "ri", "to", "la", "mi", "no", "ze", "ka", "du", "fe", "sha", "vi", "lo", "gre", "pu", "wi", "ja"]
    ends = ["", "n", "l", "k", "s", "m", "x", "r"]
    return ("".join(rng.choices(syllables, k=2)) + rng.choice(ends)).capitalize()


def character(rng, adjectives, taken):
    """(name, "small fox", "fox", home, hand, gender); not a kind or a name that is taken."""
    while True:
        if rng.random() < 0.6:
            kind, home, hand = rng.choice(ANIMALS)
            gender = rng.choice("fm")
        else:
            kind, home, genders = rng.choice(PEOPLE)
            hand, gender = "hand", rng.choice(genders)
        name = made_name(rng) if rng.random() < 0.2 else rng.choice(FEMALE if gender == "f" else MALE)
        if kind not in taken and name not in taken:
            return name, rng.choice(adjectives) + " " + kind, kind, home, hand, gender


def weighted(rng, rows):
    return rng.choices([text for _, text in rows], weights=[weight for weight, _ in rows])[0]


def cast(rng):
    """The slots that every plot may use."""
    name, kind, noun, home, hand, gender = character(rng, HERO_ADJECTIVES, ())
    friend, friend_kind, friend_noun, _, friend_hand, friend_gender = character(
        rng, FRIEND_ADJECTIVES, (name, noun))
    wise = rng.choice([w for w in WISE if w not in (noun, friend_noun)])
    love, evening = rng.choice(LOVES)
    he, him, his = ("she", "her", "her") if gender == "f" else ("he", "him", "his")
    fhe, fhim, fhis = ("she", "her", "her") if friend_gender == "f" else ("he", "him", "his")
    return {
        "N": name, "aK": article(kind), "k": noun, "H": home, "hand": hand,
        "he": he, "him": him, "his": his, "He": he.capitalize(), "His": his.capitalize(), "self": him + "self",
        "F": friend, "aFK": article(friend_kind), "fk": friend_noun, "fhand": friend_hand,
        "fhe": fhe, "fhim": fhim, "fhis": fhis, "FHe": fhe.capitalize(), "FHis": fhis.capitalize(),
        "P": rng.choice(PLACES), "w": wise, "aW": "an old " + wise, "love": love, "evening": evening,
    }


def story(rng):
    slots = cast(rng)
    own, beats = rng.choice(PLOTS)
    for key, values in own.items():
        slots[key] = rng.choice([v for v in values if v not in (slots["k"], slots["fk"])])
        slots[key + "_up"] = slots[key][0].upper() + slots[key][1:]
        slots[key + "_the"] = definite(slots[key])
    slots["wise"] = rng.choice(WISE_LINES).format(**slots)

    def say(text):
        return text.format(**slots)

    opening = [weighted(rng, OPENINGS)]
    if rng.random() < 0.8:
        opening.append(rng.choice(TRAITS))
    opening.append(rng.choice(LOVE_LINES))
    opening.append(rng.choice(FRIEND_LINES))
    if rng.random() < 0.5:
        opening.append(rng.choice(TOGETHER))

    problem, attempt, turn, ending = (rng.choice(beat) for beat in beats)
    closing = [ending, rng.choice(EVENINGS) + " {evening}."]
    if rng.random() < 0.6:
        closing.append(rng.choice(ENDINGS))
    paragraphs = [" ".join(opening), problem + " " + attempt, turn, " ".join(closing)]
    return "\n\n".join(say(paragraph) for paragraph in paragraphs)


def stories(seed, count):
    rng = random.Random(seed)
    return [story(rng) for _ in range(count)]


if __name__ == "__main__":
    print("\n\n---\n\n".join(stories(seed=1, count=5)))
