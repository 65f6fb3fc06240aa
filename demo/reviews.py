"""Writes short reviews for demo/train_sentiment.py: the whole text that the sentiment model learns from.

A review is one to three clauses about something (a film, a hotel, a teacher, ...). Each clause comes from a template
and means something good or bad; what the words say alone is turned around by negation ("not bad", "never boring",
"nothing to love") and made stronger or weaker by intensifiers. Where clauses disagree ("the plot was dull, but I loved
it"), the one that concludes decides. The same seed gives the same reviews.

Slots of a template: {X} a thing ("the film"), {part} a part of it ("the ending"), {good} {bad} an adjective that goes
with anything, {very} an intensifier or nothing, {Good} {Bad} a noun ("a masterpiece"), {loved} {hated} a verb in the past,
{love} {hate} its infinitive, {loves} {hates} as in "everybody hates it", {made} something that happened to me ("made me
smile"), {who} a person, {when} a time, {pro} it, this, that.
"""

import random
import re

MOVIE = ("film movie sequel documentary series episode comedy thriller drama cartoon musical remake".split(),
         "plot ending acting script dialogue soundtrack cast story cinematography pacing finale direction "
         "lead actor villain opening scene humour".split())
BOOK = ("book novel story biography trilogy memoir textbook poem article magazine comic cookbook".split(),
        "plot ending prose writing chapter translation hero cover dialogue narrator author beginning style".split())
FOOD = ("restaurant cafe bakery bar diner pizza meal dinner lunch breakfast soup cake coffee burger salad pasta "
        "dessert steak sandwich bread wine tea".split(),
        "service waiter waitress menu sauce taste atmosphere portion chef kitchen staff table price food flavour".split())
HOTEL = ("hotel hostel room apartment trip holiday vacation flight cruise tour museum city resort airline train "
         "journey campsite beach".split(),
         "bed staff view pool reception location shower bathroom guide weather breakfast crew bus price".split())
PRODUCT = ("phone laptop camera product headset speaker keyboard watch vacuum printer bicycle car jacket sofa mattress "
           "chair tablet television toaster blender lamp bag tool toy purchase gift order dress tent".split(),
           "battery screen sound quality design box delivery manual build price fit colour fabric button "
           "packaging support camera cable".split())
SOFTWARE = ("app game website update program service tool software browser plugin library course version".split(),
            "interface design performance update support documentation menu sound installation graphics level "
            "tutorial search".split())
EVENT = ("concert show play performance party festival wedding match lecture lesson class band album song exhibition "
         "meeting workshop evening weekend day visit experience".split(),
         "singer band music crowd organisation stage sound light host speaker audience voice guitar room seat".split())
PEOPLE = ("teacher doctor dentist waiter plumber barber driver mechanic landlord boss guide host salesman "
          "neighbour lawyer nurse trainer coach seller team staff company".split(),
          "advice attitude work manner office explanation answer voice offer help".split())
TOPICS = [MOVIE, MOVIE, BOOK, FOOD, FOOD, HOTEL, PRODUCT, PRODUCT, SOFTWARE, EVENT, PEOPLE]

GOOD = """good great wonderful amazing excellent fantastic brilliant superb perfect delightful charming lovely beautiful
fun funny enjoyable awesome outstanding terrific marvellous marvelous fabulous magnificent incredible impressive
clever smart moving touching memorable gripping thrilling captivating fascinating inspiring refreshing satisfying
pleasant nice friendly helpful kind warm clean fresh fast quick reliable solid elegant gorgeous stunning splendid
spectacular remarkable exceptional phenomenal exquisite flawless hilarious witty original creative imaginative
engaging entertaining exciting interesting comfortable cozy cosy generous polite professional attentive delicious tasty
juicy affordable useful valuable handy intuitive smooth sturdy durable bright cheerful heartwarming magical superior
top-notch first-rate first-class priceless unforgettable breathtaking dazzling masterful sublime tender rich
powerful convincing believable thoughtful insightful ingenious polished glorious divine adorable sweet likeable
recommendable worthwhile worthy rewarding uplifting addictive faultless impeccable relaxing spotless welcoming honest
fair efficient responsive precise sharp beloved timeless sensational legendary stellar decent fine superbly-made cool
special""".split()
BAD = """bad terrible horrible awful dreadful poor boring dull disappointing disgusting annoying ugly dirty rude slow
cold stale bland tasteless greasy soggy overpriced expensive useless worthless broken flimsy unreliable buggy
confusing predictable tedious tiresome stupid silly pointless pathetic lame mediocre weak shallow cliched forgettable
painful unbearable unwatchable unreadable unpleasant uncomfortable noisy loud smelly filthy nasty gross horrid
atrocious abysmal appalling lousy miserable depressing dreary clumsy awkward sloppy lazy careless unfriendly
unhelpful unprofessional incompetent dishonest arrogant ignorant hostile frustrating irritating infuriating
disastrous catastrophic shameful ridiculous ludicrous laughable nonsensical incoherent messy chaotic bloated
overrated uninspired unoriginal derivative soulless lifeless flat wooden cheesy crappy shoddy faulty defective
inferior inadequate unacceptable dangerous harmful toxic rotten burnt undercooked inedible sour bitter sickening
repulsive hideous dismal grim sad hopeless joyless cramped shabby outdated clunky unusable unstable underwhelming
unimpressive unconvincing implausible insulting offensive mindless lacklustre wasteful rubbish worse inexcusable vile
unfair misleading deceptive sluggish exhausting unfunny creepy tacky insufferable poorly-made""".split()
GOOD_NOUNS = """masterpiece gem treasure delight joy triumph success pleasure winner classic marvel bargain miracle
sensation highlight blessing revelation treat surprise hit wonder breeze dream jewel work-of-art must-see must-read
must-have life-saver pleasant-surprise""".split()
BAD_NOUNS = """disaster failure disappointment mess joke nightmare flop scam insult bore catastrophe rip-off letdown
ordeal fiasco tragedy embarrassment disgrace travesty torture chore shame trap fraud torment hassle mistake train-wreck
waste-of-time waste-of-money cash-grab slap-in-the-face piece-of-junk piece-of-garbage load-of-nonsense""".split()
# infinitive, third person, past
LOVE = [("love", "loves", "loved"), ("like", "likes", "liked"), ("enjoy", "enjoys", "enjoyed"),
        ("adore", "adores", "adored"), ("admire", "admires", "admired"), ("recommend", "recommends", "recommended"),
        ("appreciate", "appreciates", "appreciated"), ("treasure", "treasures", "treasured"),
        ("cherish", "cherishes", "cherished"), ("praise", "praises", "praised")]
HATE = [("hate", "hates", "hated"), ("dislike", "dislikes", "disliked"), ("regret", "regrets", "regretted"),
        ("detest", "detests", "detested"), ("despise", "despises", "despised"), ("loathe", "loathes", "loathed"),
        ("resent", "resents", "resented")]
MADE_GOOD = """made me smile|made me laugh|made my day|exceeded my expectations|blew me away|took my breath away
|won me over|kept me on the edge of my seat|touched my heart|delighted me|impressed me|thrilled me|amazed me
|charmed us all|moved me to tears|made us so happy|cheered me up|surprised me in the best way|inspired me
|never disappoints|works like a charm|works perfectly|works great|runs smoothly|shines|delivers|hits the spot
|is worth every penny|was worth every penny|is worth every minute|was worth the wait|was worth the money|rocks
|did not disappoint|didn't disappoint|left nothing to be desired|brightened my evening|deserves an award|deserves five stars
|stole the show|saved the day|captivated me|pleased everyone|is a joy to use|was a pleasure to watch|fits perfectly
|looks beautiful|looks great|tastes great|tasted wonderful|feels great|sounds amazing|gets better every time""".replace(
    "\n", "").split("|")
MADE_BAD = """made me angry|made me sick|bored me to tears|bored me to death|wasted my time|let me down|put me to sleep
|ruined my day|ruined our evening|gave me a headache|drove me crazy|annoyed me|disgusted me|disappointed me|upset me
|made no sense|makes no sense|made me want to leave|fell apart|fell apart after a week|broke|broke after two days
|stopped working|does not work|doesn't work|didn't work at all|never worked|failed|fails|crashes all the time|keeps crashing
|left a bad taste|left much to be desired|leaves a lot to be desired|is not worth the money|was not worth the price
|isn't worth it|wasn't worth the wait|goes nowhere|went nowhere|drags on|dragged on forever|sucks|stinks|smells
|tasted like cardboard|tasted awful|looks cheap|looks ugly|feels cheap|sounds terrible|did not live up to the hype
|failed to impress|falls flat|fell flat|lost my interest|made us wait for hours|cheated us|insulted my intelligence
|gets worse every time|frustrated me|hurt my eyes|arrived broken|arrived late|never arrived|never arrived at all
|deserves zero stars""".replace("\n", "").split("|")
VERY = """very really so extremely truly absolutely incredibly totally quite pretty simply utterly completely just
rather highly surprisingly terribly awfully""".split() + [""] * 12
PERSONS = ["everyone", "everybody", "my wife", "my husband", "my mother", "my father", "my sister", "my brother", "my son",
           "my daughter", "my friend", "my whole family", "my boss", "my neighbour", "the audience", "my dog"]
WHEN = ["last night", "yesterday", "this morning", "on Sunday", "with my family", "from start to finish", "every time",
        "in the end", "to be honest", "so far", "this year", "at home", "all day", "from the first minute",
        "for the second time", "in my opinion", "if you ask me", "with friends", "after all", "on the whole", "again"]
NAMES = """Anna Tom Maria James Paris London Berlin Monday Friday Smith Garcia Alex Tokyo Italy Laura David Kim Rome
Hollywood Netflix Amazon Oscar Texas Chicago""".split()

# What a slot says, a template may turn around; see templates() for those that the training never sees.
POSITIVE = """{X} was {very} {good}|{X} is {very} {good}|{X} was {very} {good} and {good}|the {part} was {very} {good}
|the {part} of {X} was {very} {good}|I {loved} {X}|I {loved} every minute of {pro}|I {loved} every second of {X}
|I {very} {loved} {X}|I {loved} the {part}|{who} {loved} {X}|{who} {loves} {pro}|what a {good} {x}|such a {good} {x}
|what a {Good}|{X} is a {Good}|{X} was a real {Good}|{X} was an absolute {Good}|{X} {made_good}|the {part} {made_good}
|{pro} {made_good}|the best {x} I have ever seen|the best {x} ever|the best {x} in {name}|one of the best
|this is the best {x} of the year|{X} was better than I expected|{X} is much better than the last one|{X} was not {bad}
|{X} was not {bad} at all|{X} is never {bad}|the {part} wasn't {bad} at all|not {bad} at all|{X} isn't {bad}
|there was nothing {bad} about {X}|nothing about {pro} was {bad}|I did not {hate} it at all|I don't {hate} {X}
|I have never seen a more {good} {x}|I have never been so happy with a {x}|I could not be happier|I couldn't be more pleased
|{X} could not have been better|it couldn't have been any better|I can't recommend {pro} enough|highly recommended
|I would recommend {X} to anyone|I recommend it to everyone|I will definitely come back|I will buy it again
|we can't wait to go back|I can't wait for the next one|I would watch it again|I would do it again|five stars
|10 out of 10|no complaints|I have no complaints about {X}|no regrets|thank you for the {good} {x}|thanks, {very} {good}
|love it|love this {x}|loved it|{very} {good}|{good} {x}|{good} {part}|{good} and {good}|I am {very} happy with {X}
|I am so glad I bought it|I'm {very} pleased with the {part}|I was {very} impressed by the {part}|we had a {good} time
|we had so much fun|it was a {good} experience|everything was {good}|everything about {X} was {good}|{X} felt {good}
|I found {X} {very} {good}|I thought {X} was {very} {good}|I think it is {good}|{who} said {X} was {good}
|{X} looks {good}|the {part} looked {good}|the {part} made {X} {good}|{X} has a {good} {part}|with a {good} {part}
|full of {good} moments|I laughed a lot|I cried happy tears|I smiled all the way through|you have to see it|don't miss it
|you won't regret it|I don't regret {pro}|you will not be disappointed|I was not disappointed|I wasn't disappointed by {X}
|never a dull moment|there is so much to {love}|there is a lot to {love} about {X}|I will never forget {X}
|it is hard not to {love} {X}|you can't help but {love} it|who wouldn't {love} {X}|my favourite {x}|my new favorite
|a {good} {x}|a {very} {good} {x}|a {good} {part}|a {Good}|an absolute {Good}|a true {Good}|pure {Good}|{X} saved me
|{X} does exactly what it should|exactly what I wanted|just what I needed|it was money well spent|well done
|well worth it|worth the price|worth every cent|I want more|the {part} could not be more {good}|{X}: {good}!|so {good}
|far from {bad}|anything but {bad}|{X} was anything but {bad}|{X} lacks nothing|without any problems|keep up the {good} work
|it only gets better|{X} is {good} and the {part} is {good}|two thumbs up|I feel {good}|today was a {good} day
|I am happy|this makes me happy|I have fallen in love with {X}|I fell in love with the {part}|{name} was {very} {good}
|I was happy to see the {part}|it never gets {bad}|{X} helped me a lot|{X} is so much fun|I enjoyed myself
|the {part} is the best part|{X} has no flaws|hats off to the {part}|they did a {good} job|the {part} did a {good} job
|I would gladly pay twice for {X}|I can only recommend {pro}|they were {very} {good}|we were {very} happy
|we all {loved} {pro}|we {loved} how {good} the {part} was|I keep coming back to {X}|I use it every day and {love} it
|I {love} {X}|I {very} {love} {X}|I really {love} the {part}|I always {love} {X}|we {love} it|I do {love} {X}|I still {love} {X}
|I {love} it so much|you will {love} it|you will {love} {X}|everybody will {love} {X}|buy it|buy it now|go and see it
|you should buy {X}|I am happy|I'm so happy|I'm happy today|I feel great today|life is {good}|the sun is shining
|he is a {good} man|she is a {good} woman|he was {very} {good} to me|she was {very} {good}|they are {good} people
|I could not put it down|I couldn't put the {x} down|I couldn't stop laughing|I could watch it all day|I can't get enough of {X}
|nothing to complain about|there is nothing to complain about|I can't complain|nothing went wrong|everything worked
|it works|{X} works well|it works {very} well|it worked {when}|{X} is easy to use|easy and fast|great value for money|good value
|it met my expectations|{X} met all my expectations|better than expected|not as bad as I expected|{X} was not as {bad} as I expected
|{X} is not as {bad} as they say|it wasn't as {bad} as I feared|despite the {bad} {part} I {loved} {X}|{X} won a prize and deserved it
|best {x} ever|best ever|the best|simply the best|best {part} in town|wow, {good}|wow, what a {x}|{good}, {good}, {good}|actually {very} {good}
|{good} {part} and a {good} {part}|{X} is {good} value|it arrived early and works|cheap and {good}|{good} and cheap too|it solved my problem
|I passed the exam|we won|I got the job|I found what I was looking for|congratulations|it was fun|it was great fun|such fun
|smart people with {good} ideas|they answered at once|they helped me right away|my {part} is {good}|the {part} never fails""".replace(
    "\n", "").split("|")
NEGATIVE = """{X} was {very} {bad}|{X} is {very} {bad}|{X} was {very} {bad} and {bad}|the {part} was {very} {bad}
|the {part} of {X} was {very} {bad}|I {hated} {X}|I {hated} every minute of {pro}|I {hated} every second of {X}
|I {very} {hated} {X}|I {hated} the {part}|{who} {hated} {X}|{who} {hates} {pro}|what a {bad} {x}|such a {bad} {x}
|what a {Bad}|{X} is a {Bad}|{X} was a real {Bad}|{X} was an absolute {Bad}|{X} {made_bad}|the {part} {made_bad}
|{pro} {made_bad}|the worst {x} I have ever seen|the worst {x} ever|the worst {x} in {name}|one of the worst
|this is the worst {x} of the year|{X} was worse than I expected|{X} is much worse than the last one|{X} was not {good}
|{X} was not {good} at all|{X} is never {good}|the {part} wasn't {good} at all|not {good} at all|{X} isn't {good}
|there was nothing {good} about {X}|nothing about {pro} was {good}|I did not {love} it at all|I don't {love} {X}
|I have never seen a more {bad} {x}|I have never been so angry about a {x}|I could not be more upset|I couldn't be more disappointed
|{X} could not have been worse|it couldn't have been any worse|I can't recommend {pro}|not recommended
|I would not recommend {X} to anyone|I don't recommend it|I will never come back|I will never buy it again
|we want our money back|I want my money back|I would never watch it again|never again|zero stars
|0 out of 10|1 out of 10|I have many complaints about {X}|I regret buying it|I regret that I paid for the {bad} {x}|no thanks, {very} {bad}
|hate it|hate this {x}|hated it|{very} {bad}|{bad} {x}|{bad} {part}|{bad} and {bad}|I am {very} unhappy with {X}
|I am so sorry I bought it|I'm {very} disappointed with the {part}|I was {very} annoyed by the {part}|we had a {bad} time
|we had no fun at all|it was a {bad} experience|everything was {bad}|everything about {X} was {bad}|{X} felt {bad}
|I found {X} {very} {bad}|I thought {X} was {very} {bad}|I think it is {bad}|{who} said {X} was {bad}
|{X} looks {bad}|the {part} looked {bad}|the {part} made {X} {bad}|{X} has a {bad} {part}|with a {bad} {part}
|full of {bad} moments|I fell asleep|I walked out after ten minutes|I could not finish it|I couldn't finish {X}|avoid it
|you will regret it|stay away from {X}|you will be disappointed|I was {very} disappointed|I was disappointed by {X}
|never an interesting moment|there is nothing to {love}|there is little to {love} about {X}|I would rather forget {X}
|it is hard to {love} {X}|you can't help but {hate} it|who would {love} {X}|my least favourite {x}|save your money
|a {bad} {x}|a {very} {bad} {x}|a {bad} {part}|a {Bad}|an absolute {Bad}|a complete {Bad}|pure {Bad}|{X} cost me a fortune
|{X} does not do what it should|not what I wanted|not what I ordered|it was money thrown away|shame on them
|not worth it|not worth the price|don't waste your money|a waste of time|the {part} could not be more {bad}|{X}: {bad}!|so {bad}
|far from {good}|anything but {good}|{X} was anything but {good}|{X} lacks a {good} {part}|nothing but problems|don't bother
|it only gets worse|{X} is {bad} and the {part} is {bad}|two thumbs down|I feel {bad}|today was a {bad} day
|I am unhappy|this makes me sad|I have had enough of {X}|I got sick of the {part}|{name} was {very} {bad}
|I was sorry to see the {part}|it never gets {good}|{X} was no help|{X} is no fun|I did not enjoy myself
|the {part} is the worst part|{X} has too many flaws|the {part} ruined {X}|they did a {bad} job|the {part} did a {bad} job
|I would not pay a cent for {X}|I can only warn you about {pro}|they were {very} {bad}|we were {very} unhappy
|we all {hated} {pro}|we {hated} how {bad} the {part} was|I never want to see {X} again|I never use it and {hate} it
|I expected more|I expected a {good} {x}|I wanted to {love} it|I wish {X} were {good}|{X} could have been {good}
|{X} should have been {good}|if only the {part} were {good}|I wish I had not seen {X}|where is the {good} {part}
|hardly {good}|{X} was hardly {good}|not a {good} {x}|this is not a {Good}|no {Good} at all|{X} is neither {good} nor {good}
|I didn't like it|I do not like {X}|we did not enjoy {X}|{who} didn't {love} it|the {part} was not very {good}|not very {good}
|too {bad} for me|way too {bad}|the {part} was too {bad}|I am tired of {X}|I gave up on {X}
|I {hate} {X}|I {very} {hate} {X}|I really {hate} the {part}|I always {hate} {X}|we {hate} it|I do {hate} {X}|I still {hate} {X}
|I {hate} it so much|you will {hate} it|you will {hate} {X}|everybody will {hate} {X}|do not buy it|please don't buy it|don't go there
|nobody should buy {X}|I am sad|I'm so sad|I'm sad today|I feel terrible today|life is {bad}|it rained all day
|he is a {bad} man|she is a {bad} woman|he was {very} {bad} to me|she was {very} {bad}|they are {bad} people
|I had to put it down|I fell asleep halfway through|I fell asleep during the {part}|I couldn't wait for it to end|I have had enough
|there is much to complain about|I have to complain|I complained twice|everything went wrong|nothing worked
|it doesn't work|{X} does not work well|it works {very} badly|it did not work {when}|{X} is hard to use|slow and heavy|poor value for money|bad value
|it did not meet my expectations|{X} didn't meet any expectations|worse than expected|not as good as I expected|{X} was not as {good} as I expected
|{X} is not as {good} as they say|it wasn't as {good} as I hoped|despite the {good} {part} I {hated} {X}|{X} got a prize and did not deserve it
|worst {x} ever|worst ever|the worst|simply the worst|worst {part} in town|ugh, {bad}|ugh, what a {x}|{bad}, {bad}, {bad}|actually {very} {bad}
|{bad} {part} and a {bad} {part}|the battery dies after an hour|it crashes and freezes|it arrived late and broken|cheap and {bad}|it caused problems
|I failed the exam|we lost|I lost my job|I lost my keys|I missed the bus|one star|no stars|it was no fun|I am bored|I was bored
|nobody would ever buy this {x}|nobody would {love} {X}|nobody {loved} {X}|no one {loves} it|they never answered|they ignored me|no one helped me
|I had to wait for hours|the {part} never worked|the {part} always fails|my {part} is {bad}|I was cheated|they lied to me""".replace("\n", "").split("|")
# Of equal weight, of opposite meanings: the last one decides, except after "although" and "despite".
CONTRAST = ["{weak}, but {strong}", "{weak}, however {strong}", "{weak}. But {strong}", "although {weak}, {strong}",
            "{strong}, although {weak}", "{weak}, yet {strong}", "even though {weak}, {strong}", "{strong} even though {weak}",
            "{weak} but in the end {strong}", "I know that {weak}, but {strong}", "{who} says {weak}, but {strong}"]
TOGETHER = ["{a} and {b}", "{a}. {B}", "{a}, {b}", "{a}! {B}", "{a} because {b}", "{a}, and {b}", "{a}; {b}", "{a}. {B}. {C}"]
SOURCES = ["I bought it {when}", "I saw {X} {when}", "we went there {when}", "we tried {X} {when}", "it came in a box",
           "I read {X} {when}", "{who} gave it to me", "I ordered {X} {when}", "it was my first time there", "I am from {name}",
           "we booked it for {name}", "I watched {X} with {who}", "{X} is about {name}", "it is a {x}", "it lasted two hours"]


def templates(positive, held_out):
    """Set phrases ("five stars") can only be learnt; of the others every eighth is held out."""
    every = POSITIVE if positive else NEGATIVE
    free = [t for t in every if re.search(r"\{(good|bad|love|hate|made)", t.lower())]
    return free[5::8] if held_out else [t for t in every if t not in free[5::8]]


class Writer:
    def __init__(self, seed, held_out=False):
        self.random = random.Random(seed)
        self.templates = {positive: templates(positive, held_out) for positive in (True, False)}

    def slots(self):
        pick = self.random.choice
        things, parts = pick(TOPICS)
        thing = pick(things)
        love, hate = pick(LOVE), pick(HATE)
        return {
            "x": thing, "X": pick([f"the {thing}", f"this {thing}", f"the {thing}", f"my {thing}", "it", "this", "that"]),
            "part": pick(parts), "pro": pick(["it", "this", "that", f"this {thing}", f"the {thing}"]),
            "very": pick(VERY), "who": pick(PERSONS), "when": pick(WHEN), "name": pick(NAMES),
            "love": love[0], "loves": love[1], "loved": love[2], "hate": hate[0], "hates": hate[1], "hated": hate[2],
            "Good": pick(GOOD_NOUNS).replace("-", " "), "Bad": pick(BAD_NOUNS).replace("-", " "),
            "made_good": pick(MADE_GOOD), "made_bad": pick(MADE_BAD),
        }

    def fill(self, template):
        text = template
        while "{good}" in text or "{bad}" in text:  # each a new word
            text = text.replace("{good}", self.random.choice(GOOD), 1).replace("{bad}", self.random.choice(BAD), 1)
        text = " ".join(text.format(**self.slots()).split())
        return re.sub(r"\b(a) ([aeiou])", r"\1n \2", text)

    def clause(self, positive):
        text = self.fill(self.random.choice(self.templates[positive]))
        return f"{text} {self.random.choice(WHEN)}" if self.random.random() < 0.15 else text

    def body(self, positive):
        kind = self.random.random()
        if kind < 0.45:
            return self.clause(positive)
        if kind < 0.70:
            first, second, third = (self.clause(positive) for _ in range(3))
            return self.random.choice(TOGETHER).format(a=first, b=second, B=second.capitalize(), C=third.capitalize())
        if kind < 0.85:
            return self.random.choice(CONTRAST).format(weak=self.clause(not positive), strong=self.clause(positive),
                                                       who=self.random.choice(PERSONS))
        source = self.fill(self.random.choice(SOURCES))
        return self.random.choice(["{0}. {1}", "{0} and {1}", "{1}. {0}", "{0}, {1}"]).format(source, self.clause(positive))

    def noise(self, words):
        """Words that nobody knows say nothing: now and then one more, or one lost letter."""
        letters = "abcdefghijklmnopqrstuvwxyz"
        if self.random.random() < 0.12:
            strange = "".join(self.random.choice(letters) for _ in range(self.random.randint(3, 9)))
            words.insert(self.random.randrange(len(words) + 1), strange)
        return words

    def review(self):
        positive = self.random.random() < 0.5
        text = " ".join(self.noise(self.body(positive).split()))
        style = self.random.random()
        if style < 0.6:
            text = text[0].upper() + text[1:]
        elif style < 0.65:
            text = text.upper()
        text += self.random.choice(["", "", ".", ".", ".", "!", "!", "!!", "..."])
        return text, int(positive)


def reviews(seed, count, held_out=False):
    writer = Writer(seed, held_out)
    return [writer.review() for _ in range(count)]


if __name__ == "__main__":
    for text, label in reviews(1, 40):
        print("+" if label else "-", text)
