"""The words with which a choice is named or denied, language by language: tables of phrases as regular expressions.

Every entry is alternatives without groups of its own. `@` in an example stands for a label.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wording:
    """How one language names a choice.

    `answers`: what is followed by the label, with fillers between. `kinds`: the same, but only with one of `verbs`
    behind it (`option is B`; `option B` may be mentioned for any reason). `picks`: verbs of choosing. `fillers`: words
    that may stand between. `verdicts`: what makes a label before it the answer, behind one of `verbs`. `turns`: words
    behind which a lone last label is the answer. `denials`, `faults`: what denies a label behind it, before it.
    """

    language: str
    example: str
    answers: str
    verbs: str
    verdicts: str
    faults: str
    denials: str
    kinds: str = ""
    picks: str = ""
    fillers: str = ""
    turns: str = ""
    spaced: bool = True
    """Whether its words stand between spaces."""


WORDINGS = (
    Wording(
        "English",
        "I would pick @, since @ is the best answer.",
        answers=r"answers?|ans|answer choice|answer option|conclusion|final choice",
        verbs=r"is|are|was|be|seems?|appears?|looks|remains|becomes|makes|would be|must be|should be|:",
        verdicts=r"correct|right|best|true|answer|the one|winner|appropriate|suitable|accurate|"
        r"works|fits|applies|holds|matches|stands out|better|sense|most likely|"
        r"my (?:choice|pick)"
        r"|most (?:plausible|logical|reasonable|likely|sensible)",
        faults=r"(?:is|are|was|were|be|does|do|did|could|would|should|must|may|might|seems?|has|have|can) (?:not|"
        r"never)(?! only)|"
        r"cannot|(?:ca|is|are|was|does|do|wo|would|could)n['’]t|wrong|incorrect|false|inaccurate|invalid|irrelevant|"
        r"unlikely|"
        r"eliminated|excluded|ruled out|less (?:likely|suitable|appropriate)",
        denials=r"not(?! only)|(?:incorrect|wrong|false)(?=\s*:)|(?:any|every)thing but|all but|"
        r"isn't|isn’t|aren't|wasn't|cannot be|can't be|can’t be|never|rather than|instead of|"
        r"neither|nor|"
        r"except(?: for)?|is it|was it|could it be|what about|why not|excluding|excludes?|excluded|eliminat(?:es?|ed|"
        r"ing)|rul(?:es?|ed|ing) out|reject(?:s|ed|ing)?|"
        r"discard(?:s|ed|ing)?|unlike|other than|wrong answers?(?: are| is)?|incorrect (?:answers?|options?)(?: are|"
        r" is)?",
        kinds=r"options?|choices?|alternative|solution|response|selection|statement|item|one|pick|letter|candidate|"
        r"guess|output|result|correct|right|best",
        picks=r"pick|picked|choose|chose|choosing|select|selected|go with|going with|go for|going for|opt for|"
        r"opting for|"
        r"settle on|vote for|lean towards?|i'd say|i’d say|i would say|i say|conclude with|stick with|bet on",
        fillers=r"is|are|was|be|to|the|this|that|would|will|should|must|could|has|have|seems?|appears?|looks|like|"
        r"most|more|"
        r"likely|probably|clearly|definitely|certainly|obviously|undoubtedly|evidently|surely|simply|actually|indeed|"
        r"therefore|thus|hence|then|so|here|final|correct|right|best|appropriate|suitable|answer|option|choice|"
        r"letter|"
        r"label|question|my|our|in|case|it|it's|it’s|think|as|follows|for|only|just|above|given|your|we|believe|of|"
        r"either|both",
        turns=r"so|therefore|thus|hence|but|leaving|leaves|left with|must be|it is|it's|it’s|which is|i think|"
        r"i believe|yes|is|be",
    ),
    Wording(
        "Chinese",
        "答案是@，故选@。@是正确的。",
        answers=r"答案|正确选项|正確選項|正解|答",
        verbs=r"是|为|為|：|:|应|應|选|選|属于|最",
        verdicts=r"正确|正確|对的|對的|答案|最佳|最合适|最合適|符合题意|符合題意",
        faults=r"不(?!是|选|選|仅|僅)|不是(?![ (（]?[A-Z])|错|錯|误|誤|并非(?![ (（]?[A-Z])|被?排除",
        denials=r"不是|而不是|而非|不选|不選|不应选|并非|並非|排除|除了|不包括",
        kinds=r"选项|選項|正确的|正確的|错误的|錯誤的|符合的|的",
        picks=r"选择|選擇|选(?!项|择)|選(?!項|擇)|故选|应选|應選|填|就是",
        fillers=r"选项|選項|选择|選擇|是|为|為|应该|應該|应当|应|該|该|就|选|選|的|最|可能|正确|正確|答案|项|項|"
        r"本题|题",
        turns=r"而是|认为是|認為是|所以|因此|故|即|那么",
        spaced=False,
    ),
    Wording(
        "Japanese",
        "答えは@です。@が正解です。",
        answers=r"答え|正解|解答|回答|正答",
        verbs=r"は|が|：|:",
        verdicts=r"正解|正しい|答え|適切|選(?:び|ぶ|択)",
        faults=r"では(?:ない|なく|ありません)|じゃない|は(?:誤り|間違い|不適切|正しくない)|が(?:誤り|間違い|不適切)",
        denials=r"除いて",
        kinds=r"選択肢|記号|もの",
        fillers=r"は|が|選択肢|正しい|最も|適切な|の|もの|記号|番号",
        turns=r"したがって|よって|つまり|ゆえに",
        spaced=False,
    ),
    Wording(
        "Korean",
        "정답은 @입니다. @가 정답입니다.",
        answers=r"정답|답변|답",
        verbs=r"은|는|이|가|：|:|번이|번은|번이라고",
        verdicts=r"정답|맞|옳|답",
        faults=r"[은는이가]? ?(?:아니(?:라|고)?|아닙니다|틀|오답)",
        denials=r"제외",
        kinds=r"선택지|보기|것",
        fillers=r"은|는|이|가|선택지|보기|번호|바로|가장",
        turns=r"따라서|그러므로|즉",
        spaced=False,
    ),
    Wording(
        "Spanish",
        "La respuesta correcta es la opción @.",
        answers=r"respuestas?|solución",
        verbs=r"es|sería|son|parece|está",
        verdicts=r"correct[ao]s?|respuesta|mejor|adecuad[ao]|verdader[ao]",
        faults=r"no (?:es|son|está|puede)|incorrect[ao]s?|fals[ao]s?|equivocad[ao]",
        denials=r"no(?: es| son| la)?|en lugar de|en vez de|excepto|descart(?:o|amos|ar)",
        kinds=r"opción|alternativa|letra|correct[ao]",
        picks=r"elijo|elegiría|elegimos|escojo|escogería|selecciono|me quedo con|opto por",
        fillers=r"es|sería|ser|la|el|las|los|correcta|correcto|opción|letra|alternativa|final|que|claramente|"
        r"probablemente|"
        r"respuesta|pregunta|esta|más",
        turns=r"sino|por lo tanto|por tanto|entonces|así que|luego",
    ),
    Wording(
        "French",
        "La bonne réponse est la @.",
        answers=r"réponses?|reponse|solution",
        verbs=r"est|serait|sont|semble|semble être",
        verdicts=r"correcte?s?|bonne|juste|réponse|exacte?|meilleure?|vraie?",
        faults=r"n'est pas|n’est pas|ne sont pas|est fausse?|incorrecte?s?|fausses?|faux",
        denials=r"pas|n'est pas|n’est pas|plutôt que|au lieu de|sauf|excepté",
        kinds=r"option|choix|lettre|proposition|bonne",
        picks=r"je choisis|je choisirais|choisissons|je sélectionne|j'opte pour|j’opte pour",
        fillers=r"est|serait|être|la|le|les|l'option|l’option|option|bonne|correcte?|lettre|finale|donc|question|"
        r"probablement|"
        r"clairement|réponse|proposition|choix|plus",
        turns=r"mais|donc|par conséquent|ainsi|alors",
    ),
    Wording(
        "German",
        "Die richtige Antwort ist @, also @.",
        answers=r"antwort(?:en)?|lösung",
        verbs=r"ist|lautet|wäre|sind|scheint|bleibt",
        verdicts=r"richtig|richtige|korrekt|korrekte|antwort|beste|zutreffend|passt",
        faults=r"(?:ist|sind|wäre|kann|passt) nicht|falsch|inkorrekt|unzutreffend",
        denials=r"nicht|weder|noch|statt|anstatt|außer",
        kinds=r"option|auswahl|möglichkeit|buchstabe|richtig|aussage|korrekt",
        picks=r"ich wähle|wähle|ich nehme|ich entscheide mich für|entscheide mich für",
        fillers=r"ist|lautet|wäre|sind|die|der|das|richtige|korrekte|antwort|option|buchstabe|also|daher|somit|wohl|"
        r"eindeutig|"
        r"wahrscheinlich|auf|frage|diese|endgültige|somit|klar",
        turns=r"sondern|also|daher|deshalb|somit|folglich",
    ),
    Wording(
        "Russian",
        "Правильный ответ: @. Вариант @ верный.",
        answers=r"ответы?|ответом|решение",
        verbs=r"это|будет|является|верен",
        verdicts=r"верн\w{0,4}|правильн\w{0,4}|ответ|ответом|подходит",
        faults=r"не (?:верн|правильн|подход|явля|мож)\w{0,8}|неверн\w{0,4}|неправильн\w{0,4}|ошибочн\w{0,4}",
        denials=r"не|кроме|вместо|исключаем",
        kinds=r"вариант|буква|вариантом",
        picks=r"выбираю|выберу|выбираем|выбрал|выбрать",
        fillers=r"это|будет|является|правильный|верный|вариант|ответ|ответа|буква|под|буквой|на|вопрос|окончательный|"
        r"скорее|всего",
        turns=r"а|поэтому|значит|следовательно|таким образом|итак",
    ),
    Wording(
        "Portuguese",
        "A resposta correta é a letra @.",
        answers=r"respostas?|solução",
        verbs=r"é|seria|são|parece",
        verdicts=r"corret[ao]s?|cert[ao]|resposta|melhor|adequad[ao]|verdadeir[ao]",
        faults=r"não (?:é|são|está|pode)|incorret[ao]s?|errad[ao]s?|fals[ao]s?",
        denials=r"não(?: é| são)?|em vez de|exceto|nem",
        kinds=r"opção|alternativa|letra|corret[ao]",
        picks=r"escolho|escolheria|eu escolho|seleciono|opto por|fico com",
        fillers=r"seria|ser|as|os|correta|correto|certa|opção|letra|alternativa|final|claramente|provavelmente|"
        r"resposta|"
        r"para|pergunta|questão|mais",
        turns=r"mas|sim|portanto|então|logo",
    ),
    Wording(
        "others",
        "Jawaban yang benar adalah @. La risposta è @.",
        answers=r"jawaban(?:nya)?|risposta|antwoord|svar(?:et)?|cevap|odpowiedź|odpověď|đáp án|câu trả lời|jibu|"
        r"الإجابة|الجواب|"
        r"उत्तर|উত্তর|ตอบ|คำตอบ",
        verbs=r"adalah|è|is|är|là|ni|هي|هو|है|হল|คือ",
        verdicts=r"✓|✔|✅|benar|corretta|giusta|juist|rätt|doğru|poprawna|đúng|sahihi|الصحيحة|صحيح|सही|সঠিক",
        faults=r"salah|tidak|errata|sbagliata|non è|is niet|är inte|yanlış|sai|không|خطأ|ليس|गलत|नहीं|ভুল",
        denials=r"bukan|non|niet|inte|değil|nie|không phải|ليس|ليست",
        kinds=r"pilihan|opsi|opzione|optie|الخيار|विकल्प",
        picks=r"memilih|scelgo|ik kies|wybieram|chọn|أختار",
        fillers=r"adalah|yang|benar|tepat|pilihan|la|corretta|het|juiste|de|är|là|ni|sahihi|الصحيحة|هي|هو|الخيار|सही|"
        r"है|doğru",
        turns=r"jadi|quindi|dus|alltså|więc|vậy|إذن",
    ),
)
"""The languages in which models answer."""

AND = r"and|as well as|y|e|et|und|и|dan|en|och"
AND_UNSPACED = r"和|与|與|及|跟|以及|と|および|와|과|및"
OR = r"or|o|u|ou|oder|или|atau|of|eller"
OR_UNSPACED = r"或者?|还是|か|または|또는|이나"
BOTH = r"both|either|all|of|them|options?|choices?|letters?|answers?|the|选项|選項|选择|皆|都|是"
"""Words among several labels: joining, doubting, and those that change nothing."""

CONNECTORS = (
    r"is|are|was|were|works|stands|remains|seems|wins|holds|applies|and|or|because|since|as|for|but|not|would|seems|should|must|which|being|due|given|while|"
    r"whereas|over|"
    r"rather|instead|by|from|has|can|could|will|may|might|does|only|appears|looks|makes|fits|describes|represents|"
    r"option|"
    r"choice|es|est|ist|é|è|porque|parce|car|weil|denn|pois|ya|puesto|да|так|потому|верн|правильн|является|n'est|"
    r"nicht|no|não|не|"
    r"lautet|und|et|y|e|и|o|ou|oder|или|adalah|mais|mas|sino|sondern|а"
)
"""Words behind which a lone `A` is a label and not an article."""

PRONOUN_CONNECTORS = r"is|and|or|because|since|option|choice|es|est|ist|é|è|und|et|y|e|и|ou|oder|или|adalah"
"""Words behind which a lone `I` is a label and not a pronoun."""

NONE_OF_THEM = (
    r"none(?!\w)|neither(?: (?:of|option|choice|answer)|\W*$)|以上都不|以上皆非|都不(?:对|對|是|正确|正確)|"
    r"没有正确|沒有正確|どれも|いずれでもない|該当なし|정답이? ?없|해당 ?없음|"
    r"ningun[ao]|aucune?|keine? der|ни один|ни одно|nenhum[ao]|nessun[ao]"
)
NO_OPTION = (
    r"\bno (?:one )?(?:correct|right|valid) (?:answer|option|choice)\b|"
    r"\bnone of (?:the|these|those) (?:options|choices|answers|answer choices|above)\b"
)
ALL_OF_THEM = (
    r"all (?:of )?(?:the |these |them |those )?(?:above|options|choices|answers)|以上(?:都|皆|均)(?:对|對|是|正确|"
    r"正確)"
)
UNDECIDED_WORDS = (
    r"(?:cannot|can't|can’t|could not|unable to|impossible to|difficult to|hard to|not possible to) "
    r"(?:be )?(?:determined?|decided?|say|tell|known?|answer(?:ed)?)|"
    r"(?:not|n't|n’t) (?:have |provide |give )?(?:us )?enough (?:information|context|details)|"
    r"not provide this information|(?:无法|無法|不能)(?:确定|確定|判断|判斷)"
)
"""Answers that name none of the options, all of them, or that do not decide."""
