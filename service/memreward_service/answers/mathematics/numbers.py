"""Plain numbers: read exactly and at once, but only where the whole text is understood.

| written | key |
|---|---|
| `70,000.00`, `7e4`, `7 * 10^{4}`, `70 thousand` | 70000 |
| `0.5`, `\\frac{1}{2}`, `2/4`, `1 1/2` less 1 | 1/2 |
| `28%`, `28 percent`, `45°`, `5 m/s`, `12 apples`, `the answer is 460`, `5th` | 28, 45, 5, 12, 460, 5 |
| `5:30 PM`, `2 AM` | 17:30, 02:00 |
| `3 hours and 30 minutes` | 12600 s |
| `0.\\overline{3}` | 1/3 |

A word that changes the value (`not 5`, `at least 5`, `5 less than x`) leaves the text to structure.py.
"""

from __future__ import annotations

import re
from fractions import Fraction

from memreward_service.answers.mathematics.latex import word_set

MAX_DIGITS = 60
"""Digits or powers of ten beyond which an answer is no plain number: a rational of that size costs time."""
DECIMAL_COMMA = re.compile(r"-?(?:0,\d++|\d++,\d{1,2})(?!\d)")
"""`1,22`, which may be a list or the number 1.22."""
LONGEST_NUMBER = 200
"""Characters beyond which a text is no plain number."""

_DIGITS = r"(?:\d{1,3}(?:,\d{3})++(?!\d)|\d{1,3}(?: \d{3})++(?!\d)|\d++)"
_DECIMAL = rf"(?:{_DIGITS}(?:\.\d*+)?+|\.\d++)"
_SMALL = rf"(?:\{{ ?(-?(?:{_DECIMAL})) ?\}}|(\d))"
_FRACTION = rf"\\frac ?{_SMALL} ?{_SMALL}"
_POWER_OF_TEN = r"10 ?\^ ?(?:\{ ?([-+]?\d{1,9}) ?\}|(-?\d{1,9}))"

_LEADING_WORDS = word_set(
    "the a an answer final result value is are was equals equal to total sum cost price of about approximately "
    "approx around roughly nearly almost exactly only just so thus therefore hence it its it's they there he "
    "she we get be will number has have costs pays needs usd eur us rs inr gbp cad aud"
)
_LEAD = re.compile(rf"«? ?(?:(?:{'|'.join(map(re.escape, sorted(_LEADING_WORDS)))})\b[.:,=]?[ «»]*+)++", re.IGNORECASE)
_SIGN = re.compile(r"(?:(-)|\+|«? ?(?:(negative|minus)\b) ?»?)? ?")
_VALUE = re.compile(
    rf"(?P<whole>\d{{1,30}}) ?{_FRACTION}|{_FRACTION}"
    rf"|(?P<mixed>\d{{1,30}}) (?P<above>\d{{1,30}}) ?/ ?(?P<below>\d{{1,30}})"
    rf"|(?P<repeating>\d{{0,30}}\.\d{{0,30}})\\(?:overline|bar|dot) ?\{{(?P<period>\d{{1,30}})\}}"
    rf"|(?P<over>{_DECIMAL}) ?/ ?(?P<under>{_DECIMAL})"
    rf"|(?P<digits>{_DECIMAL})(?:[eE](?P<exponent>[-+]?\d{{1,9}})| ?(?:\*|x) ?{_POWER_OF_TEN})?"
)
_ONLY_POWER = re.compile(_POWER_OF_TEN)
_SCALES = {
    **dict.fromkeys(("hundred", "hundreds"), 10**2), **dict.fromkeys(("trillion", "trillions"), 10**12),
    **dict.fromkeys(("thousand", "thousands", "tausend", "mil", "тыс", "тысяч", "тысячи", "тысяча", "ribu", "nghìn"),
                    10**3),
    **dict.fromkeys(("million", "millions", "millionen", "millones", "millón", "milhões", "milhão", "milioni", "млн",
                     "миллион", "миллиона", "миллионов", "juta", "triệu"), 10**6),
    **dict.fromkeys(("billion", "billions", "milliarde", "milliarden", "milliard", "milliards", "млрд", "миллиардов"),
                    10**9),
}  # fmt: skip
_SCALE = re.compile(rf"[ «]*({'|'.join(_SCALES)})\b\.?[ »]*", re.IGNORECASE)
_HAN_SCALES = {"万": 10**4, "萬": 10**4, "만": 10**4, "億": 10**8, "亿": 10**8, "억": 10**8}
_HAN_SCALE = re.compile(rf"[ «]*([{''.join(_HAN_SCALES)}])")
_PERCENT = re.compile(r"[ «]*(?:%|(?:percent|percentage|pct|per cent)\b)(?: points?\b)?[ »]*", re.IGNORECASE)
_ORDINAL = re.compile(r"(?: ?\^ ?\{? ?)?[« ]*(?:st|nd|rd|th)\b[ »]*\}?", re.IGNORECASE)
_UNIT_PART = re.compile(
    r"(?P<word>[^\W\d_]++(?:['-][^\W\d_]*+)*+\.?)|(?P<power>\^ ?(?:\{ ?-?[1-4] ?\}|-?[1-4]))|(?P<sign>[/*,.°«»() ])"
)
_SHORT_UNITS = word_set(
    "kgs gms kms mm cm dm km nm ft in yd mi kg mg ml cl dl kl lb lbs oz hr hrs min mins sec secs ms mph kph kmh rpm "
    "kwh kw mw hz khz mhz kb mb gb tb kj mj cal kcal pa kpa kn kv ma sq cu cc gal qt pt tsp tbsp ac ha usd eur "
    "gbp inr rs cad aud yr yrs wk wks mo rev rad deg cts ct pcs ppm bpm chf rmb cny jpy krw kr zł kč stk stck std hl "
    "руб грн коп шт кг гр км см мм дм мл мин сек ч м г л р т "
    "円 元 块 塊 圆 圓 ドル ユーロ 美元 欧元 人民币 日元 韩元 英镑 卢布 원 달러 유로 엔 "
    "个 個 个人 人 名 位 本 枚 匹 頭 头 只 隻 张 張 条 條 台 辆 輛 杯 箱 袋 瓶 棵 株 颗 粒 把 支 "
    "枝 间 層 层 页 頁 道 题 種 种 种方法 通り 種類 双 "
    "雙 对 盒 朵 艘 座 组 组人 回 次 冊 册 つ 点 問 度 歳 岁 歲 "
    "개 명 사람 마리 권 장 대 살 세 병 송이 자루 그루 번 가지 "
    "年 月 日 天 周 週間 日間 小时 小時 時間 分钟 分鐘 分間 秒 秒钟 年間 か月 ヶ月 个月 시간 분 초 "
    "일 년 주 개월 "
    "米 千米 公里 厘米 毫米 克 千克 公斤 斤 吨 升 毫升 平方米 立方米 平方厘米 "
    "キロ メートル センチ グラム リットル 킬로미터 미터"
)
_COUNTERS = frozenset("个個名只隻棵本张張条條位匹枚台辆輛杯箱瓶颗粒支枝朵头頭件块塊人개명")
_UNCOUNTED = frozenset("以半多余餘分倍超未至或又和百千万萬弱強强满滿内")
"""Signs that make something else of a number and its counter: `6个半` is 6.5."""
_LONGEST_COUNTED = 6
_LONE_UNITS = frozenset("mghsLl")
_VOWELS = frozenset("aeiouyäöüáéíóúàèâêôаеиоуыяюэё")
_CHANGING = word_set(
    "not no or and if is are to than least most more less fewer for when where mod plus minus times of x but "
    "except between from until unless either neither over under above below up down remainder factorial "
    "oder ou o или mehr weniger plus moins más menos más mas более менее больше меньше не nicht pas mindestens "
    "höchstens раз десятых сотых половиной "
    "squared cubed pi sin cos tan log ln sqrt cot sec csc exp dot base half quarter third dozen am pm mille "
    "and a an the"
) - {"of", "a", "an", "the", "dozen", "for", "over"}
"""Words behind a number that make something else of it."""
_TIME = re.compile(r"(?:at )?(\d{1,2})(?::([0-5]\d))?(?::([0-5]\d))?[ «]*([ap])\.? ?m\b\.?[ »]*", re.IGNORECASE)
_MEASURES: dict[str, tuple[str, int]] = {
    **dict.fromkeys(("second", "seconds", "sec", "secs", "s"), ("s", 1)),
    **dict.fromkeys(("minute", "minutes", "min", "mins"), ("s", 60)),
    **dict.fromkeys(("hour", "hours", "hr", "hrs", "h"), ("s", 3_600)),
    **dict.fromkeys(("day", "days"), ("s", 86_400)),
    **dict.fromkeys(("week", "weeks"), ("s", 604_800)),
    **dict.fromkeys(("month", "months"), ("month", 1)), **dict.fromkeys(("year", "years"), ("month", 12)),
    **dict.fromkeys(("inch", "inches", "in"), ("in", 1)), **dict.fromkeys(("foot", "feet", "ft"), ("in", 12)),
    **dict.fromkeys(("yard", "yards", "yd"), ("in", 36)),
    **dict.fromkeys(("ounce", "ounces", "oz"), ("oz", 1)),
    **dict.fromkeys(("pound", "pounds", "lb", "lbs"), ("oz", 16)),
    **dict.fromkeys(("cent", "cents"), ("cent", 1)), **dict.fromkeys(("dollar", "dollars"), ("cent", 100)),
}  # fmt: skip
_PART = re.compile(rf"({_DECIMAL})[ «]*([a-z]{{1,8}})\b\.?[ »]*(?:,|«? ?and\b|&)?[ »«]*(?:and\b )?", re.IGNORECASE)


def number_key(token: str) -> str | None:
    """The canonical form of a token that is a plain number (`1,000.50` -> `2001/2`), else None."""
    if len(token) > LONGEST_NUMBER:
        return None
    sign = "-" if token[:1] in ("-", "−", "–") else ""
    match = _VALUE.fullmatch(token, len(sign) or token.startswith("+"))
    value = _rational(match) if match else None
    return None if value is None else str(-value if sign else value)


def plain_key(normal: str) -> str | None:
    """The key of a normalised answer that is a plain number, a time or a duration in its whole length, else None."""
    if len(normal) > LONGEST_NUMBER:
        return None
    lead = _LEAD.match(normal)
    start = lead.end() if lead else 0
    if (time := _TIME.fullmatch(normal, start)) is not None:
        return _time_key(time)
    if (found := _number(normal, start)) is not None:
        value, end = found
        if _is_unit(normal, end):
            return str(value)
    return _compound_key(normal, start)


def _number(text: str, start: int) -> tuple[Fraction, int] | None:
    """The number that begins at `start`, and where it ends: its scale word, its percent sign behind it."""
    sign = _SIGN.match(text, start)
    assert sign is not None
    at = sign.end()
    if (power := _ONLY_POWER.match(text, at)) is not None:
        exponent = int(power[1] or power[2])
        value: Fraction | None = Fraction(10) ** exponent if abs(exponent) <= MAX_DIGITS else None
        end = power.end()
    elif (match := _VALUE.match(text, at)) is not None:
        value, end = _rational(match), match.end()
    else:
        return None
    if value is None:
        return None
    if scale := _SCALE.match(text, end):
        value, end = value * _SCALES[scale[1].casefold()], scale.end()
    elif han := _HAN_SCALE.match(text, end):
        value, end = value * _HAN_SCALES[han[1]], han.end()
    elif ordinal := _ORDINAL.match(text, end):
        end = ordinal.end()
    if percent := _PERCENT.match(text, end):
        end = percent.end()
    return (-value if sign[1] or sign[2] else value), end


def _is_unit(text: str, start: int) -> bool:
    """Whether nothing but a unit, or the thing that was counted, begins at `start`."""
    quoted, before, at = False, text[start - 1], start
    # A number as great as 240 is the factor of no variable: `240g`.
    great = text[max(0, start - 3) : start].isdigit() and start > 2
    while at < len(text):
        part = _UNIT_PART.match(text, at)
        if part is None:
            return False
        after = text[part.end() : part.end() + 2].lstrip(" ")[:1]
        word = part["word"]
        if word is not None and not _is_unit_word(word, before, after, quoted) and not (great and word in _LONE_UNITS):
            return False
        if part["power"] is not None and not (before.isalpha() or before == "»"):
            return False
        quoted = part[0] == "«" or (quoted and part[0] != "»")
        before, at = part[0][-1], part.end()
    return True


def _is_unit_word(word: str, before: str, after: str, quoted: bool) -> bool:
    plain = word.rstrip(".").casefold()
    if plain in _CHANGING:
        return False
    if quoted or plain in _SHORT_UNITS or plain in ("of", "an") or before == "°":
        return True
    if len(word) == 1:
        ratio = before == "/" or after == "/"
        return ratio or (before == " " and word in _LONE_UNITS and after not in ("^", "(", "*"))
    if not word.isascii() and ord(word[0]) >= 0x2E80:
        # 以上, より: a word of a script without spaces is a unit only where it is known, or a known one begins it.
        return word[0] in _COUNTERS and len(word) <= _LONGEST_COUNTED and _UNCOUNTED.isdisjoint(word)
    if not word.isascii() and len(plain) > 2:
        return True
    # `3xy` and `5 ab` are products; `5 apples` are not.
    return len(plain) > 2 and before in " (/" and not _VOWELS.isdisjoint(plain) and not set("abc") >= set(plain)


def _rational(match: re.Match[str]) -> Fraction | None:
    if len(match[0]) > 2 * MAX_DIGITS:
        return None
    groups = match.groupdict()
    if groups["repeating"] is not None:
        return _repeating(groups["repeating"], groups["period"])
    if groups["digits"] is not None:
        exponent = int(groups["exponent"] or match[19] or match[20] or 0)
        return _decimal(groups["digits"]) * Fraction(10) ** exponent if abs(exponent) <= MAX_DIGITS else None
    if groups["mixed"] is not None:
        return _quotient(Fraction(int(groups["mixed"])), groups["above"], groups["below"])
    if groups["over"] is not None:
        return _quotient(Fraction(0), groups["over"], groups["under"])
    if groups["whole"] is not None:
        above, below = match[2] or match[3], match[4] or match[5]
        # `3\frac{5}{2}` may be a product.
        if above.startswith("-") or _decimal(above) >= _decimal(below):
            return None
        return _quotient(Fraction(int(groups["whole"])), above, below)
    return _quotient(Fraction(0), match[6] or match[7], match[8] or match[9])


def _quotient(whole: Fraction, above: str, below: str) -> Fraction | None:
    divisor = _decimal(below)
    return whole + _decimal(above) / divisor if divisor else None


def _decimal(digits: str) -> Fraction:
    return Fraction(digits.replace(",", "").replace(" ", "").rstrip("."))


def _repeating(digits: str, period: str) -> Fraction:
    places = len(digits.partition(".")[2])
    return _decimal(digits if digits != "." else "0") + Fraction(int(period), (10 ** len(period) - 1) * 10**places)


def _time_key(match: re.Match[str]) -> str | None:
    hour, minute = int(match[1]), match[2] or "00"
    if not 1 <= hour <= 12:
        return None
    hour = hour % 12 + (12 if match[4].casefold() == "p" else 0)
    return f"{hour:02}:{minute}" + (f":{match[3]}" if match[3] else "")


def _compound_key(text: str, start: int) -> str | None:
    """`12600 s` for `3 hours and 30 minutes`: at least two parts, of one dimension, the greater first."""
    total, dimension = Fraction(0), ""
    sizes: list[int] = []
    while start < len(text):
        part = _PART.match(text, start)
        measure = _MEASURES.get(part[2].casefold()) if part else None
        if part is None or measure is None or (dimension and measure[0] != dimension):
            return None
        if sizes and measure[1] >= sizes[-1]:
            return None
        dimension = measure[0]
        sizes.append(measure[1])
        total += _decimal(part[1]) * measure[1]
        start = part.end()
    return f"{total} {dimension}" if len(sizes) > 1 else None
