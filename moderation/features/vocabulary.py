"""Word stems by hand in, the words that `evasion` may read out of a disguise: what people hide, and what stands by it.

A disguise is undone only where a word of this table comes out, so ordinary spelling, numbers and names stay as they
are. The table is short on purpose: a word that nobody hides needs no place here. The words are named to be found.
"""

from functools import cache
from typing import Final

__all__ = ["ABUSE_WORDS", "CENSORED", "EMOJI", "PLAIN_WORDS", "STEMS", "words"]

# Stems of verbs and nouns of violence, abuse and obscenity. A mark says how a stem bends: "+" takes s, ed, ing, er,
# ers; "=" the same with its last letter doubled; "-" the same with its last e dropped; "s" takes s alone; "." nothing.
STEMS: Final = """
kill+ murder+ slaughter+ massacre- butcher+ assassinate- execute- exterminate- eradicate- annihilate- eliminate-
destroy+ behead+ decapitate- lynch+ hang+ hung. strangle- choke- suffocate- drown+ poison+ burn+ torch+ roast+
shoot+ shot. stab= slash+ slit= slice- gut= skin= gas+ gassed. bomb+ nuke- blast+ explode- detonate- crush+
smash+ beat+ punch+ kick+ slap= whip= flog= hit. hurt+ harm+ maim+ torture- rape- rapist. rapists. molest+ abuse-
attack+ assault+ ambush+ terrorize- threaten+ die- dies. died. dying. dead. death. deaths. suicide. suicides. suicidal.
genocide. holocaust. gallows. noose. guillotine. corpse. corpses. coffin. coffins. grave. graves. blood. bloody. bleed+
gun= guns. rifle. rifles. knife. knives. machete. machetes. grenade. grenades. bullet. bullets. weapon. weapons. rope.
terrorist. terrorists. jihad. jihadi. jihadist. nazi. nazis. hitler. hate- hater. haters. hatred. revenge. vermin.
parasite. parasites. cockroach. cockroaches. rat. rats. pig. pigs. monkey. monkeys. ape. apes. animal. animals. filth.
filthy. scum. scumbag. scumbags. trash. garbage. subhuman. subhumans. savage. savages. plague. disease. cancer.
stupid. stupidity. idiot. idiots. idiotic. moron. morons. moronic. imbecile. imbeciles. retard. retards. retarded.
dumb. dumbass. dumber. fool. fools. loser. losers. freak. freaks. pervert. perverts. pedo. pedos. pedophile. pedophiles.
creep. creeps. coward. cowards. traitor. traitors. liar. liars. clown. clowns. ugly. fat. fatso. disgusting. pathetic.
worthless. useless. bastard. bastards. jerk. jerks. pussy. pussies. prick. pricks. dick. dicks. dickhead. dickheads.
cock. cocks. cocksucker. cocksuckers. suck+ penis. vagina. tits. boobs. nude. nudes. porn. porno. sex. sexy. anal. anus.
cum. cumming. semen. horny. orgasm. blowjob. blowjobs. handjob. jerkoff. masturbate- whore. whores. slut. sluts. slutty.
skank. skanks. hooker. hookers. prostitute. prostitutes. bitch+ bitches. bitchy. cunt. cunts. twat. twats. wanker.
wankers. bollocks. bugger. shit= shits. shitty. shithead. shitheads. shithole. shitholes. bullshit. horseshit. crap.
crappy. piss+ pissed. fuck+ fucks. fucked. fucking. fucker. fuckers. fuckin. fuckface. fuckhead. motherfucker.
motherfuckers. motherfucking. mothafucka. fuk. fck. ass. asses. asshole. assholes. arse. arsehole. arseholes. jackass.
jackasses. dumbasses. damn. goddamn. damned. hell. faggot. faggots. fag. fags. dyke. dykes. tranny. trannies. queer.
queers. homo. homos. lesbo. nigger. niggers. nigga. niggas. negro. negroes. coon. coons. spic. spics. chink. chinks.
gook. gooks. kike. kikes. wetback. wetbacks. beaner. beaners. raghead. ragheads. towelhead. towelheads. paki.
pakis.
muzzie. muzzies. jew. jews. muslim. muslims.
islam. gypsy. gypsies. redneck. whitey. cracker. crackers. honky. immigrant.
immigrants. refugee. refugees. women. woman. gays. lesbian. lesbians. blacks. foreigner. foreigners. foid. foids. thot.
thots. simp. simps. incel. incels. kys. kkk.
"""

# What stands beside them: only ever read where letters were swapped inside one word, or as neighbours of a word above
# in one row of single letters.
_PLAIN: Final = """
you your yours yourself youre are the them they their these those that this then than there and all every everyone
everybody should shall would could must will want need have has had been being was were not dont cant wont deserve
deserves please just like make made must going gonna get got let lets him her his she who whom what when where why
how people person kids children family families house home city country world government president police politician
politicians soldier soldiers mother father brother sister wife husband man men guy guys girl girls boy boys head heads
face throat back street streets again soon now never ever always slowly dirty fucking love with from into out off for
black white brown gay one time way off here come came goes went take know think hope wish really very much more
"""

CENSORED: Final[tuple[str, ...]] = (
    "fuck", "fucks", "fucked", "fucker", "fuckers", "fucking", "fuckin", "motherfucker", "motherfuckers",
    "motherfucking", "shit", "shits", "shitty", "shithole", "shithead", "bullshit", "bitch", "bitches", "bitching",
    "cunt", "cunts", "ass", "asses", "asshole", "assholes", "dick", "dicks", "dickhead", "cock", "cocks", "cocksucker",
    "pussy", "pussies", "nigger", "niggers", "nigga", "niggas", "faggot", "faggots", "fag", "fags", "whore", "whores",
    "slut", "sluts", "bastard", "bastards", "kill", "kills", "killed", "killing", "rape", "raped", "raping", "rapist",
    "murder", "die", "damn", "piss", "pissed", "crap", "retard", "retards", "retarded", "wanker", "twat", "tits",
    "porn", "kike", "kikes", "spic", "spics", "chink", "chinks", "tranny", "dyke", "suicide", "idiot", "stupid",
    "moron",
)  # fmt: skip
"""Words that are written with letters starred out, those more often meant first."""

EMOJI: Final[dict[str, tuple[str, str]]] = {
    "🔪": ("stab", "knife"), "🗡": ("stab", "dagger"), "⚔": ("fight", "swords"), "🪓": ("axe", "axe"),
    "🔫": ("shoot", "gun"), "💣": ("bomb", "bomb"), "🧨": ("bomb", "dynamite"), "🔥": ("burn", "fire"),
    "🚀": ("bomb", "rocket"), "☢": ("nuke", "nuke"), "☣": ("poison", "poison"), "🧪": ("poison", "poison"),
    "⚰": ("bury", "coffin"), "🪦": ("bury", "grave"), "💀": ("kill", "death"), "☠": ("kill", "death"),
    "🔨": ("hammer", "hammer"), "👊": ("punch", "fist"), "🤛": ("punch", "fist"), "🤜": ("punch", "fist"),
    "🥊": ("punch", "fist"), "🪢": ("hang", "rope"), "💉": ("inject", "needle"), "🩸": ("bleed", "blood"),
    "💩": ("shit on", "shit"), "🖕": ("fuck", "fuck"), "🤮": ("vomit on", "disgusting"), "🗑": ("trash", "trash"),
    "🚮": ("trash", "trash"), "🐷": ("pig", "pig"), "🐖": ("pig", "pig"), "🐀": ("rat", "rat"), "🐁": ("rat", "rat"),
    "🐒": ("monkey", "monkey"), "🐵": ("monkey", "monkey"), "🙈": ("monkey", "monkey"), "🦍": ("ape", "ape"),
    "🪳": ("cockroach", "cockroach"), "🐛": ("bug", "vermin"), "🦠": ("infect", "disease"), "🐍": ("snake", "snake"),
    "🐕": ("dog", "dog"), "🐶": ("dog", "dog"), "🤡": ("clown", "clown"), "👿": ("devil", "devil"),
    "😈": ("devil", "devil"), "❤": ("love", "love"), "💔": ("hate", "hate"), "😡": ("hate", "hate"),
    "🤬": ("curse", "curse"), "🍆": ("fuck", "dick"), "🍑": ("ass", "ass"),
}  # fmt: skip
"""What an emoji stands for in the place of a word: as a verb, and as a noun."""


def _bent(stem: str, mark: str) -> tuple[str, ...]:
    if mark == ".":
        return (stem,)
    if mark == "s":
        return stem, f"{stem}s"
    root = stem + stem[-1] if mark == "=" else stem.removesuffix("e") if mark == "-" else stem
    plural = f"{stem}es" if stem.endswith(("s", "sh", "ch", "x", "z")) else f"{stem}s"
    return stem, plural, *(f"{root}{ending}" for ending in ("ed", "ing", "er", "ers"))


def words(table: str) -> tuple[str, ...]:
    """Return all forms of a table of stems, in order and each once."""
    return tuple(dict.fromkeys(form for entry in table.split() for form in _bent(entry[:-1], entry[-1])))


@cache
def _abuse() -> frozenset[str]:
    return frozenset(words(STEMS))


ABUSE_WORDS: Final = _abuse()
"""What people hide, in all its forms."""

PLAIN_WORDS: Final = frozenset(_PLAIN.split()) - ABUSE_WORDS
"""What stands beside it."""
