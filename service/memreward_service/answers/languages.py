"""The words in which responses say what their answer is, language by language."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """The words of one language, in lower case. Entries of `links`, `qualities` and `closings` are patterns.

    `nouns` are words for `answer`. `qualities` may stand between the noun and the link. `links` lead to the answer
    (a colon does in every language). `closings` follow an answer that stands first. `wrong` before the noun
    makes it the answer of somebody else. `denials` before an answer say that it is none. `ends` are the words
    that a sentence ends with after its answer. `conclusions` open a sentence that concludes.
    """

    name: str
    example: str
    answer: str
    nouns: tuple[str, ...]
    links: str
    qualities: str = ""
    closings: str = ""
    wrong: tuple[str, ...] = ()
    denials: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    conclusions: tuple[str, ...] = ()


LANGUAGES: tuple[Language, ...] = (
    Language(
        "English",
        "So the answer would be 12.",
        "12.",
        nouns=("answer",),
        qualities=r"s?(?:[ \t]+(?:choice|option|key|here|now|then|(?:to|for|of)[ \t][^\n.:;?!]{1,80}?))?",
        links=r"(?:(?:is|are|was|becomes|equals|reads)|(?:would|will|should|must|has to|seems to|appears to|turns out"
        r" to)[ \t]+be|comes out (?:to be|to|as))(?![\w'’])(?:[ \t]+(?:then|thus|therefore|hence|clearly|simply|just"
        r"|indeed|definitely|probably|most likely|likely|obviously|actually|now|exactly|given by|equal to|(?:the )?"
        r"(?:option|choice|letter))(?![\w'’]))*",
        closings=r"(?:is|are|must be|would be|should be|will be)[ \t]+(?:the|our|my)[ \t]+"
        r"(?:(?:correct|right|final|best|most likely|only|required|desired)[ \t]+)*(?:answer|choice|option)s?(?!\w)",
        wrong=("wrong", "incorrect", "false", "common", "tempting", "other", "previous", "earlier", "no", "an"),
        denials=("not", "never", "neither", "n't", "cannot be", "rather than", "instead of"),
        conclusions=("so", "thus", "therefore", "hence", "in conclusion", "in total", "altogether", "finally"),
    ),
    Language(
        "Chinese",
        "因此，正确答案是 12。",
        "12。",
        nouns=("答案", "答", "故选", "故選", "应选", "應選"),
        qualities=r"(?:选项|選項|选择|選擇)?",
        links=r"(?:应该|應該|应|應|就|便|即)?(?:是|为|為)(?:选项|選項)?|选择?|選擇?|(?<=选)|(?<=選)",
        closings=r"(?:就)?是(?:正确|正確|最终|最終)的?(?:答案|选项|選項)",
        wrong=("错误", "錯誤", "错误的", "錯誤的"),
        denials=("不是", "不为", "不為", "而不是", "而非", "并非"),
        conclusions=("因此", "所以", "故", "综上", "綜上", "总之", "由此", "于是", "於是"),
    ),
    Language(
        "Japanese",
        "したがって、答えは12です。",
        "12です。",
        nouns=("答え", "答案", "正解", "解答", "回答", "正答"),
        links=r"(?:は|が)[、,]?",
        closings=r"(?:が|は)(?:正しい|最終的な)?(?:答え|正解|解答|回答|正答)(?:です|である|だ|となります|になります)?",
        wrong=("誤った", "間違った"),
        denials=("ではなく", "ではない", "じゃない"),
        ends=("となります", "になります", "であります", "でした", "である", "です", "となる", "になる", "だ"),
        conclusions=("したがって", "従って", "よって", "ゆえに", "だから", "そのため", "以上より", "つまり"),
    ),
    Language(
        "Korean",
        "따라서 정답은 12입니다.",
        "12입니다.",
        nouns=("정답", "해답", "답"),
        links=r"(?:은|이|는)",
        closings=r"(?:이|가|은|는)[ \t]*(?:최종[ \t]*|올바른[ \t]*)?(?:정답|답|해답)(?:입니다|이다|이에요|예요)?",
        wrong=("틀린", "잘못된"),
        denials=("아니라", "아닙니다"),
        ends=("이 됩니다", "가 됩니다", "입니다", "이에요", "예요", "이다", "이 된다", "가 된다", "임"),
        conclusions=("따라서", "그러므로", "그래서", "즉", "결국"),
    ),
    Language(
        "Spanish",
        "La respuesta correcta es 12.",
        "12.",
        nouns=("respuesta", "solución"),
        qualities=r"(?:s?[ \t]+(?:correctas?|finale?s?|es decir|a[ \t][^\n.:;?!]{1,80}?))?",
        links=r"(?:es|son|sería|será|debe ser)(?!\w)(?:[ \t]+(?:la opción|el|la|la letra|igual a)(?!\w))*",
        closings=r"(?:es|son)[ \t]+(?:la|las)[ \t]+(?:respuesta|opción)s?(?:[ \t]+(?:correcta|final)s?)?(?!\w)",
        wrong=("otra", "falsa"),
        denials=("no", "y no", "en lugar de", "en vez de"),
        conclusions=("por lo tanto", "por tanto", "así que", "entonces", "en total", "en conclusión", "luego"),
    ),
    Language(
        "French",
        "La réponse finale est 12.",
        "12.",
        nouns=("réponse",),
        qualities=r"(?:s?[ \t]+(?:correcte|finale|exacte|attendue|à[ \t][^\n.:;?!]{1,80}?)s?)?",
        links=r"(?:est|sont|serait|sera|doit être|vaut)(?!\w)"
        r"(?:[ \t]+(?:donc|alors|l['’]option|la lettre|égale à)(?!\w))*",
        closings=r"(?:est|sont)[ \t]+(?:la|les)[ \t]+(?:bonnes?[ \t]+)?réponses?(?:[ \t]+(?:correcte|finale)s?)?(?!\w)",
        wrong=("mauvaise", "fausse"),
        denials=("pas", "et non", "non", "plutôt que", "au lieu de"),
        conclusions=("donc", "ainsi", "par conséquent", "en conclusion", "au total", "finalement"),
    ),
    Language(
        "German",
        "Die richtige Antwort lautet 12.",
        "12.",
        nouns=("antwort", "lösung", "ergebnis"),
        qualities=r"(?:[ \t]+(?:auf[ \t][^\n.:;?!]{1,80}?|hier))?",
        links=r"(?:lautet|ist|sind|wäre|beträgt)(?!\w)(?:[ \t]+(?:daher|also|somit|folglich|option|gleich)(?!\w))*",
        closings=r"(?:ist|sind|lautet)[ \t]+die[ \t]+(?:(?:richtige|korrekte|endgültige)[ \t]+)?"
        r"(?:antwort|lösung)(?!\w)",
        wrong=("falsche", "andere"),
        denials=("nicht", "und nicht", "statt", "anstatt"),
        conclusions=("also", "daher", "somit", "folglich", "deshalb", "insgesamt", "demnach"),
    ),
    Language(
        "Russian",
        "Правильный ответ — 12.",
        "12.",
        nouns=("ответ", "ответом"),
        qualities=r"(?:[ \t]+(?:на[ \t][^\n.:;?!]{1,80}?))?",
        links=r"(?:—|–|-(?=[ \t])|равен(?!\w)|будет(?!\w)|это(?!\w)|является(?!\w))(?:[ \t]+(?:вариант|это)(?!\w))*",
        closings=r"(?:—|–|-|является)[ \t]+(?:это[ \t]+)?(?:(?:правильный|верный|правильным|верным)[ \t]+)?"
        r"ответ(?:ом)?(?!\w)",
        wrong=("неправильный", "неверный", "другой"),
        denials=("не", "а не", "вместо"),
        conclusions=("поэтому", "следовательно", "итак", "значит", "таким образом", "итого", "отсюда"),
    ),
    Language(
        "Portuguese",
        "A resposta correta é 12.",
        "12.",
        nouns=("resposta", "solução"),
        qualities=r"(?:s?[ \t]+(?:corretas?|certas?|fina(?:l|is)|à[ \t][^\n.:;?!]{1,80}?))?",
        links=r"(?:é|são|seria|será|deve ser)(?!\w)(?:[ \t]+(?:a opção|a alternativa|a letra|a|o|igual a)(?!\w))*",
        closings=r"(?:é|são)[ \t]+(?:a|as)[ \t]+(?:resposta|opção|alternativa)s?"
        r"(?:[ \t]+(?:correta|certa|final)s?)?(?!\w)",
        wrong=("outra", "falsa"),
        denials=("não", "e não", "em vez de"),
        conclusions=("portanto", "logo", "assim", "então", "no total", "em conclusão"),
    ),
    Language(
        "Italian",
        "La risposta corretta è 12.",
        "12.",
        nouns=("risposta", "soluzione"),
        qualities=r"(?:[ \t]+(?:corretta|finale|giusta|esatta|alla[ \t][^\n.:;?!]{1,80}?))?",
        links=r"(?:è|sono|sarebbe|sarà)(?!\w)(?:[ \t]+(?:quindi|l['’]opzione|la|il)(?!\w))*",
        closings=r"(?:è|sono)[ \t]+(?:la|le)[ \t]+rispost[ae](?:[ \t]+(?:corretta|finale|giusta|esatta))?(?!\w)",
        wrong=("altra",),
        denials=("non", "e non", "invece di"),
        conclusions=("quindi", "dunque", "perciò", "pertanto", "in totale", "in conclusione"),
    ),
    Language(
        "Dutch",
        "Het juiste antwoord is 12.",
        "12.",
        nouns=("antwoord",),
        qualities=r"(?:en)?(?:[ \t]+(?:op[ \t][^\n.:;?!]{1,80}?))?",
        links=r"(?:is|luidt|zijn|zou)(?!\w)(?:[ \t]+(?:dus|daarom|optie|gelijk aan)(?!\w))*",
        closings=r"(?:is|zijn)[ \t]+het[ \t]+(?:(?:juiste|correcte|goede)[ \t]+)?antwoord(?!\w)",
        wrong=("foute", "verkeerde"),
        denials=("niet", "in plaats van"),
        conclusions=("dus", "daarom", "in totaal", "kortom"),
    ),
)
