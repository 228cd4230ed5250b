"""Words by class in, for the kernel to tell apart: names of countries, peoples and faiths, and what advertising says.

Names are read as one and the same word wherever they have neighbours, so that what is said of one people counts the
same when it is said of another; a name by itself keeps a feature of its own, which fitting may hold within bounds.
Words are written as the kernel folds them: small letters, no accents, no apostrophes.
"""

from functools import cache
from typing import Final

__all__ = [
    "ASK",
    "CHECK",
    "COMMENT",
    "COUNT",
    "GOODS",
    "HOPE",
    "IF",
    "MAKE",
    "MINE",
    "MONEY",
    "NAME",
    "OUT",
    "PLACE",
    "POLITE",
    "PRAISE",
    "PUSH",
    "SELF",
    "SUBSCRIBE",
    "VIEW",
    "VOTE",
    "YOU",
    "lexicon",
    "names",
]

NAME: Final = 1
ASK: Final = 2
MINE: Final = 4
PLACE: Final = 8
MONEY: Final = 16
GOODS: Final = 32
PRAISE: Final = 64
YOU: Final = 128
POLITE: Final = 256
PUSH: Final = 1 << 9
SUBSCRIBE: Final = 1 << 10
CHECK: Final = 1 << 11
OUT: Final = 1 << 12
VOTE: Final = 1 << 13
COMMENT: Final = 1 << 14
IF: Final = 1 << 15
MAKE: Final = 1 << 16
VIEW: Final = 1 << 17
COUNT: Final = 1 << 18
HOPE: Final = 1 << 19
SELF: Final = 1 << 20

# A name and how its people are called: "+" adds a plural in s, "." adds nothing. Names that are also common words or
# first names are left out, unless they are spoken of in the news.
_NAMES: Final = """
afghanistan. afghan+ albania. albanian+ algeria. algerian+ andorra. andorran+ angola. angolan+ argentina. argentine+
argentinian+ armenia. armenian+ australia. australian+ aussie+ austria. austrian+ azerbaijan. azerbaijani+ azeri+
bahamas. bahamian+ bahrain. bahraini+ bangladesh. bangladeshi+ barbados. belarus. belarusian+ belgium. belgian+
belize. benin. bhutan. bhutanese. bolivia. bolivian+ bosnia. bosnian+ botswana. brazil. brazilian+ britain. british.
briton+ brit+ brunei. bulgaria. bulgarian+ burma. burmese. burundi. cambodia. cambodian+ cameroon. cameroonian+
canada. canadian+ chad. chadian+ chile. chilean+ china. chinese. colombia. colombian+ comoros. congo. congolese.
croatia. croatian+ croat+ cuba. cuban+ cyprus. cypriot+ czech+ czechia. denmark. danish. dane+ djibouti. dominica.
dominican+ ecuador. ecuadorian+ egypt. egyptian+ england. english. englishman. englishmen. eritrea. eritrean+ estonia.
estonian+ eswatini. ethiopia. ethiopian+ fiji. fijian+ finland. finnish. finn+ france. french. frenchman. frenchmen.
gabon. gambia. gambian+ georgia. georgian+ germany. german+ ghana. ghanaian+ greece. greek+ grenada. guatemala.
guatemalan+ guinea. guinean+ guyana. guyanese. haiti. haitian+ honduras. honduran+ hungary. hungarian+ iceland.
icelandic. icelander+ india. indian+ indonesia. indonesian+ iran. iranian+ persian+ iraq. iraqi+ ireland. irish.
irishman. irishmen. israel. israeli+ italy. italian+ jamaica. jamaican+ japan. japanese. jordan. jordanian+
kazakhstan. kazakh+ kenya. kenyan+ kiribati. korea. korean+ kosovo. kosovar+ kuwait. kuwaiti+ kyrgyzstan. kyrgyz.
laos. laotian+ latvia. latvian+ lebanon. lebanese. lesotho. liberia. liberian+ libya. libyan+ liechtenstein.
lithuania. lithuanian+ luxembourg. macedonia. macedonian+ madagascar. malagasy. malawi. malawian+ malaysia. malaysian+
malay+ maldives. mali. malian+ malta. maltese. mauritania. mauritanian+ mauritius. mauritian+ mexico. mexican+
micronesia. moldova. moldovan+ monaco. mongolia. mongolian+ montenegro. montenegrin+ morocco. moroccan+ mozambique.
mozambican+ myanmar. namibia. namibian+ nauru. nepal. nepali+ nepalese. netherlands. holland. dutch. dutchman.
nicaragua. nicaraguan+ niger. nigeria. nigerian+ norway. norwegian+ oman. omani+ pakistan. pakistani+ palau.
palestine. palestinian+ panama. panamanian+ papua. paraguay. paraguayan+ peru. peruvian+ philippines. philippine.
filipino+ filipina+ poland. pole+ polish. portugal. portuguese. qatar. qatari+ romania. romanian+ russia. russian+
rwanda. rwandan+ samoa. samoan+ arabia. saudi+ senegal. senegalese. serbia. serbian+ serb+ seychelles. singapore.
singaporean+ slovakia. slovak+ slovakian+ slovenia. slovenian+ slovene+ somalia. somali+ spain. spanish. spaniard+
sudan. sudanese. suriname. surinamese. sweden. swedish. swede+ switzerland. swiss. syria. syrian+ taiwan. taiwanese.
tajikistan. tajik+ tanzania. tanzanian+ thailand. thai+ togo. togolese. tonga. tongan+ trinidad. tobago. tunisia.
tunisian+ turkey. turkmen. turkmenistan. turk+ turkish. tuvalu. uganda. ugandan+ ukraine. ukrainian+ emirates.
emirati+ uruguay. uruguayan+ usa. america. american+ uzbekistan. uzbek+ vanuatu. vatican. venezuela. venezuelan+
vietnam. vietnamese. yemen. yemeni+ zambia. zambian+ zimbabwe. zimbabwean+ zealand. zealander+ scotland. scottish.
scot+ wales. welsh. welshman. tibet. tibetan+ chechnya. chechen+ catalan+ catalonia. basque+ kurd+ kurdish. kurdistan.
roma. romani. gypsy. gypsies. uyghur+ uighur+ rohingya+ tamil+ sinhalese. hausa. yoruba. igbo. tutsi+ hutu+ zulu+
oromo+ tigrayan+ berber+ maori+ inuit. cherokee+ navajo+ apache+ aboriginal+ hispanic+ latino+ latina+ latinx. arab+
arabic. arabian+ african+ asian+ european+ europe. africa. asia. caucasian+ slav+ slavic. balkan+ scandinavian+
caribbean+ jew+ jewish. judaism. hebrew+ israelite+ muslim+ moslem+ islam. islamic. sunni+ shia+ shiite+ alawite+
druze. sufi+ ahmadi+ salafi+ christian+ christianity. catholic+ catholicism. protestant+ protestantism. orthodox.
evangelical+ baptist+ lutheran+ methodist+ anglican+ presbyterian+ mormon+ mormonism. quaker+ amish. adventist+
pentecostal+ coptic. copt+ hindu+ hinduism. sikh+ sikhism. buddhist+ buddhism. jain+ jainism. taoist+ taoism. shinto.
zoroastrian+ yazidi+ yezidi+ bahai. pagan+ paganism. wiccan+ wicca. atheist+ atheism. agnostic+ scientologist+
scientology. rastafarian+
"""

_CLASSES: Final[dict[int, str]] = {
    ASK: """
check checkout visit click subscribe subscribing sub follow join watch download buy order like share vote support
listen contact call email text dm add search google look see try get grab claim register sign signup stream hit go
come view read learn help give rate send message shop reply play type hire write invest start repost comment press
dont hear enjoy
""",
    MINE: "my our me us mine ours im ive ill we",
    PLACE: """
channel channels chanel page pages site sites website websites web blog blogs weblog webpage homepage video videos vid
vids song songs album mixtape mix remix cover covers track tracks playlist playlists profile podcast store shop link
links bio facebook fb instagram insta ig twitter snapchat snap tiktok youtube yt soundcloud spotify twitch discord
telegram whatsapp kik skype name ep single streams app group server fanpage views subs subscribers subscriber
followers page music beats raps rap vlog vlogs tutorial tutorials account newsletter clip clips
""",
    MONEY: """
money cash dollar dollars usd bucks euro euros income earn earns earned earning earnings profit profits profitable
bitcoin bitcoins btc eth crypto forex invest investing investment investments investor loan loans credit mortgage
payday refinance insurance debt million rich wealth paid giveaway giveaways prize win won gift free bonus jackpot
casino casinos poker betting bet slots slot lottery trading trader broker wallet airdrop token robux salary commission
cashback lender lenders
""",
    GOODS: """
viagra cialis levitra pharmacy pills pill tramadol xanax herbal spell herpes replica replicas rolex watches handbags
handbag bags louis vuitton gucci nike jordans jersey jerseys outlet cheap cheapest wholesale discount discounts coupon
coupons promo sale sales essay essays dissertation assignment assignments seo backlinks backlink hosting porn porno
sex xxx dating escort escorts cam cams nude singles webcam diet slim weightloss keto hcg detox dentist dental plumber
plumbing movers packers roofing furniture ugg boots shoes oakley hack hacker hacks keygen crack warez torrent torrents
likes ringtones tattoo tattoos services service company agency best online review reviews price prices deals deal
marketing advertising supplement supplements loss fat natural cure doctor removal cleaning rental rentals hotel hotels
flights travel tickets real estate homes lawyer attorney jewelry pandora sunglasses electronics games slots generator
unlimited guaranteed quality offer offers delivery shipping order app apps software design designer development
developers expert experts traffic ranking directory
""",
    PRAISE: """
great nice awesome amazing wonderful excellent fantastic good superb brilliant informative useful helpful interesting
valuable cool love loved enjoy enjoyed thanks thank thankful appreciate post posts article articles blog site website
information info informations content bookmark bookmarked bookmarking sharing keep weblog webpage topic writing
paragraph really very much such stuff wow impressive outstanding magnificent beneficial knowledge
""",
    YOU: "you your yours youre yourself u ur guys everyone everybody anyone friends ppl",
    POLITE: "please pls plz plse pleas plzz thx kindly",
    # Requests that seldom mean anything else; "like" and "get", which often do, are requests above.
    PUSH: """
check checkout chek chk cheak visit click subscribe subcribe suscribe subscibe sub follow join watch download listen
support look see hear try add share vote go help give take please pls plz search type google hit peep
""",
    SELF: "i im ive ill id my me mine our ours we us",
    SUBSCRIBE: """
sub subs subbing subscribe subscribes subscribing subcribe subcribing suscribe subscibe sucscribe subscrib subscribed
""",
    CHECK: "check checkout chek chk cheak checkin checking",
    OUT: "out",
    VOTE: "like likes rate share upvote thumb thumbs copy repost paste reply",
    COMMENT: "comment comments coment message",
    IF: "if",
    MAKE: """
rap raps rapper rappers rapping sing singing singer singers songwriter musician musicians artist artists band cover
covers remix remixes freestyle producer produce dj beat beats mixtape album ep unsigned youtuber youtubers gamer gaming
gameplay gameplays minecraft vlog vlogs vlogger upload uploads uploaded uploading montage parody parodies tutorial
tutorials dancer comedian filmmaker animator animation animations channel book novel app website blog music talent
dream dreams
""",
    VIEW: """
view views viewer viewers viewed like likes dislike dislikes hits subs subscriber subscribers comment comments watched
follower followers plays
""",
    COUNT: "million millions billion billions thousand thousands most many more less half",
    HOPE: """
dream dreams nobody chance talent talented struggle struggling famous noticed regret appreciate appreciated grateful
hater haters feedback advertise advertising spam spamming
""",
}


@cache
def names() -> tuple[str, ...]:
    """Return all forms of the names, in order and each once."""
    forms: dict[str, None] = {}
    for entry in _NAMES.split():
        forms[entry[:-1]] = None
        if entry.endswith("+"):
            forms[f"{entry[:-1]}s"] = None
    return tuple(forms)


@cache
def lexicon() -> dict[str, int]:
    """Return for each word of any class the sum of its classes."""
    found = dict.fromkeys(names(), NAME)
    for kind, listed in _CLASSES.items():
        for word in listed.split():
            found[word] = found.get(word, 0) | kind
    return found
