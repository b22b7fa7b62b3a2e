"""Lines of text in many scripts, made from word lists: the same lines on every run.

The words were chosen for their letters, not for what they say: capitals and small letters, accents written as one
character and as two, marks above and below, scripts without spaces.
"""

from __future__ import annotations

import random

WORDS = {
    "english": "The quick film surprised nobody unbelievable BERT's well-known e-mail don't 1,024 3.14 U.S. re-run",
    "french": "Été déjà naïve cœur Noël garçon où l'hôtel français ÉCOLE aujourd’hui «voilà» çà œuvre",
    "german": "Straße Übermut größer Äpfel MÜLLER Fußball süß Öl schön Jahreszahl Häuser groẞ",
    "spanish": "¿Dónde está ñandú? ¡Ojalá! niño pingüino corazón AÑO José también",
    "turkish": "İstanbul ılık IŞIK çiğ şeker güneş öğrenci İZMİR diyarbakır",
    "vietnamese": "Tiếng Việt được không người những thế giới ĐƯỜNG phở Hà Nội",
    "polish": "Łódź źdźbło żółw święto ĄĘĆ pięć mąż Kraków",
    "czech": "Příliš žluťoučký kůň úpěl ďábelské ódy ŘEKA čtyři",
    "icelandic": "Þú ætlar það öll Íslands fjörður ÐÆ þorn",
    "decomposed": "cafe\u0301 nai\u0308ve A\u030angstro\u0308m e\u0323\u0302 o\u031b\u0301 S\u0307\u0323 ZA\u0300Z",
    "greek": "Σήμερα καλημέρα Αθήνα ἄνθρωπος θάλασσα Ωκεανός λόγος ΐ ΰ Ἀρχή ῷ",
    "russian": "Привет мир ёлка ПОЕЗД объект съёмка Йод хороший день",
    "ukrainian": "Україна їжак Ґанок є щось Київ ґудзик",
    "serbian": "Љубав њега џеп Ђак ћирилица Србија",
    "arabic": "السلام عليكم كتاب مُحَمَّد مدرسة لا إله أحمد ١٢٣ بيت",
    "persian": "می‌خواهم کتاب‌ها گربه پنج چای ۴۵۶ ژاله",
    "urdu": "پاکستان ٹوپی ڈاک ہے میں لڑکا",
    "hebrew": "שלום עולם בְּרֵאשִׁית ספר ילד תל־אביב כ״ג",
    "hindi": "नमस्ते दुनिया हिन्दी क्षत्रिय किताब विद्यालय ज़रूर १२३",
    "bengali": "বাংলা আমার সোনার কৃষ্ণ দুঃখ বিদ্যালয় ৭৮৯",
    "tamil": "தமிழ் வணக்கம் நன்றி கொழும்பு ஸ்ரீ மொழி",
    "telugu": "తెలుగు నమస్కారం కృష్ణ హైదరాబాద్",
    "kannada": "ಕನ್ನಡ ಬೆಂಗಳೂರು ನಮಸ್ಕಾರ ಕೊಡು",
    "malayalam": "മലയാളം കേരളം നന്ദി സ്വാഗതം",
    "gujarati": "ગુજરાતી નમસ્તે કેમ છો",
    "punjabi": "ਪੰਜਾਬੀ ਸਤਿ ਸ੍ਰੀ ਅਕਾਲ",
    "sinhala": "සිංහල ආයුබෝවන් ශ්‍රී ලංකා",
    "thai": "สวัสดีครับ ภาษาไทย น้ำ กรุงเทพฯ ๑๒๓ ผู้ใหญ่",
    "lao": "ພາສາລາວ ສະບາຍດີ ນ້ຳ",
    "khmer": "ភាសាខ្មែរ សួស្តី កម្ពុជា ជំរាបសួរ។",
    "burmese": "မြန်မာ မင်္ဂလာပါ ကျေးဇူး၊",
    "tibetan": "བོད་སྐད བཀྲ་ཤིས་བདེ་ལེགས། ཨོཾ",
    "chinese": "中华人民共和国 今天天气很好。 你好，世界！ 北京2008 龍 電腦 〇 豈",
    "japanese": "こんにちは 世界 カタカナ がぎぐ パピプ ラーメン 東京タワー 「はい」 ヾ ㍿",
    "korean": "안녕하세요 세계 한국어 학교 서울특별시 값 ㄱㄴㄷ 뷁",
    "georgian": "საქართველო გამარჯობა თბილისი ᲗᲑᲘᲚᲘᲡᲘ",
    "armenian": "Հայաստան բարև ԵՐԵՎԱՆ և մի՛ լեզու։",
    "ethiopic": "አማርኛ ሰላም ኢትዮጵያ። አዲስ፡አበባ",
    "cherokee": "ᏣᎳᎩ ᎣᏏᏲ Ꭰ ꭰ",
    "mongolian": "ᠮᠣᠩᠭᠣᠯ ᠪᠢᠴᠢᠭ Монгол өдөр",
    "gothic": "𐌲𐌿𐍄𐌹𐍃𐌺 𐌰𐌷𐌼𐌰",
    "emoji": "😀 👍🏽 👩‍👩‍👧‍👦 🇫🇷 ❤️ 🏳️‍🌈 1️⃣ 🤷‍♀️",
    "maths": "∀x∈ℝ: x²≥0 ∑ᵢ≠∞ a≤b≢c ½+¾ ∫f(x)dx √2 𝐀𝒃ℂ 5×3÷2 α→β ≮ ± °C",
    "symbols": "© ® ™ € £ ¥ ₹ § ¶ † ‡ • … – — ‘a’ “b” ‰ № ♥ ☃ ░ ﬁ Ａｂｃ １２ ｶﾞ ǆ",
    "code": "def f(x_1): return {'a': [0]*n} <p class=\"b\"> &amp; https://a.org/b?c=d#e C:\\Temp\\ $PATH ~/x a-> `ls`",
    "markers": "[MASK] [SEP] [CLS] [UNK] [PAD] [mask] [MASK]ing a[SEP]b [[MASK]] [unused1] ##ing ##",
}  # fmt: skip

SPACES = (" ", " ", " ", " ", "  ", "\t", "\u00a0", "\u3000", "\r\n", "\u2028")
ENDS = ("", ".", "!", "?", "...", ",", ";", ":", "。", "؟", "।", "…", ")", "\u200b", "\ufeff", "\u00ad", "\n")


def lines(count: int = 2500, seed: int = 0) -> list[str]:
    """`count` lines; each script in turn, every third line mixed with another script."""
    random_ = random.Random(seed)
    scripts = list(WORDS)
    made = []
    for number in range(count):
        words = WORDS[scripts[number % len(scripts)]].split()
        if number % 3 == 0:
            words = words + WORDS[random_.choice(scripts)].split()
        chosen = [_varied(random_, random_.choice(words)) for _ in range(random_.randint(1, 14))]
        made.append("".join(word + random_.choice(SPACES) for word in chosen) + random_.choice(ENDS))
    return made


def _varied(random_: random.Random, word: str) -> str:
    kind = random_.randrange(12)
    if kind == 0:
        return word + random_.choice(ENDS)
    if kind == 1:
        return word * random_.randint(2, 4)
    if kind == 2:
        return f"({word})"
    if kind == 3:
        return word.upper() if "ς" not in word and "σ" not in word else word
    if kind == 4:
        return word[: random_.randint(1, len(word))]
    return word


# What random strings are drawn from: kinds of characters that the rules treat differently, and that meet in texts.
ALPHABETS = {
    "letters": "aeinorstAEINORST",
    "latin": "".join(map(chr, range(0x20, 0x250))),
    "controls": "".join(map(chr, range(0x20))) + "\x7f\x85\xa0\xad\u200b\u200d\u2028\u2029\u202e\ufeff\ufffd\ue000",
    "marks": "".join(map(chr, [*range(0x300, 0x370), *range(0x591, 0x5BE), *range(0x64B, 0x660), 0x20DD, 0xFE0F])),
    "greek_cyrillic": "".join(map(chr, range(0x370, 0x530))),
    "semitic": "".join(map(chr, range(0x590, 0x780))),
    "indic": "".join(map(chr, range(0x900, 0xDFF))),
    "southeast_asian": "".join(map(chr, [*range(0xE00, 0xF00), *range(0x1000, 0x10A0), *range(0x1780, 0x17F0)])),
    "chinese": "".join(map(chr, [*range(0x4E00, 0x4E80), *range(0x3000, 0x3040), *range(0xF900, 0xF940)])),
    "japanese_korean": "".join(map(chr, [*range(0x3041, 0x3100), *range(0xAC00, 0xAC60), *range(0x1100, 0x1180)])),
    "punctuation": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¡§«¶·»¿‐–—‘’“”…‹›‽⁄、。〈〉「」！？，",
    "emoji": "\u200d\ufe0f" + "".join(map(chr, [*range(0x1F300, 0x1F340), *range(0x1F1E6, 0x1F200), 0x1F3FB, 0x1F3FE])),
    "maths": "".join(map(chr, [*range(0x2200, 0x2300), *range(0x1D400, 0x1D440), *range(0x2070, 0x20A0)])),
    "case": "ΣσςİıIiẞßǅǆﬁŉΑ'.:·\u0307ſK",
    "basic_plane": "".join(map(chr, [*range(0x20, 0xD800), *range(0xE000, 0x10000)])),
    "beyond": "".join(map(chr, range(0x10000, 0x20000))),
    "spaces": "  \t\n\u3000",
}  # fmt: skip


def random_strings(count: int, seed: int = 0) -> list[str]:
    """`count` strings of 1 to 40 characters, each from one to four of the alphabets, here and there a special token."""
    random_ = random.Random(seed)
    alphabets = list(ALPHABETS.values())
    made = []
    for _ in range(count):
        chosen = random_.sample(alphabets, random_.randint(1, 4))
        parts = [random_.choice(random_.choice(chosen)) for _ in range(random_.randint(1, 40))]
        if random_.random() < 0.1:
            parts.insert(random_.randrange(len(parts) + 1), random_.choice(("[MASK]", "[SEP]", "[CLS]", "[UNK]")))
        made.append("".join(parts))
    return made
