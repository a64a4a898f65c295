# ruff: noqa: E501, RUF001 - letters of many alphabets, and one list a line
"""Injection in other languages than English: parts of words, as data, and how they are looked for.

Of each language there are the ways to say "ignore all previous instructions", and the name of the
system prompt.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from ahocorasick_rs import AhoCorasick

from gateway.normalisation import normalise
from policies.patterns import Pattern

# Parts of words for dropping, for what came before or is the model's, for orders: found in any order,
# close together. Imperatives, since a customer has forgotten things; no polite "your".
_ORDERS: Final[Sequence[tuple[str, str, str]]] = (
    (
        "ignorier|vergiss|vergessen sie|missachte|umgeh|befolge nicht|verwirf|setze dich über",
        "vorherig|vorangehend|vorangegangen|vorigen|bisherig|obigen|früheren|ursprünglich|alle regeln|deine ",
        "anweisungen|instruktionen|vorgaben|regeln|richtlinien|prompt|befehle|beschränkungen",
    ),
    (
        " ignore |ignorez| oublie |oubliez| ne tiens pas compte|ne tenez pas compte| néglige |contourne | fais abstraction|défais-toi|outrepasse",
        "précédent|antérieur|ci-dessus|initial| tes |toutes les règles",
        "instruction|consigne|règles|directive|invite|prompt|restriction|limites programm",
    ),
    (
        " ignora | ignore | olvida |olvídate| omite |haz caso omiso|descarta |no sigas| anula | elude ",
        "anterior|previas|previos|de arriba|iniciales|todas las reglas| tus ",
        "instrucciones|indicaciones|reglas|directriz|directrices|directivas|prompt|órdenes|restricciones",
    ),
    (
        " ignora |ignorare| dimentica |dimenticare tutt|trascura | scarta |non seguire|non tenere conto| aggira ",
        "precedent|di cui sopra|qui sopra|iniziali|tutte le regole| tue ",
        "istruzioni|regole|direttive|comandi|indicazioni|prompt|restrizioni|linee guida",
    ),
    (
        " ignore | ignorar | esqueça | esqueca |desconsidere| descarte |não siga|contorne ",
        "anterior|prévias|acima|iniciais|todas as regras| suas ",
        "instruções|regras|diretrizes|comandos|orientações|prompt|restrições",
    ),
    (
        "negeer| vergeet |omzeil|volg niet",
        "vorige|voorgaande|eerdere|bovenstaande|alle regels| jouw ",
        "instructies|opdrachten|regels|richtlijnen|prompt|aanwijzingen",
    ),
    (
        "zignoruj|ignoruj|zapomnij| pomiń | omiń |nie stosuj",
        "poprzedni|wcześniejsz|powyższ|wszystkie zasady|wszystkich zasad| swoje ",
        "instrukcj|poleceni|reguł|zasad|wytyczn|prompt",
    ),
    (
        "игнорируй|проигнорируй|игнорировать|забудь|отбрось|не следуй|нарушь|обойди",
        "предыдущ|прежни|вышеуказан|вышеперечислен|прошлые|все правила| свои ",
        "инструкци|указания|правила|команды|промпт|ограничения",
    ),
    (
        "忽略|无视|無視|忘记之前|忘记以上|忘记所有|忘记你|忘記之前|忘掉|不要理会|不要遵守|跳过",
        "之前|以上|上述|前面的|先前|此前|所有|全部|你的",
        "指令|指示|规则|規則|提示词|命令|限制",
    ),
    (
        "無視して|無視し |無視せよ|忘れてください|忘れろ|従わない|破棄し",
        "前の|以前|上記|これまで|すべて|全て|あなたの|今まで",
        "指示|命令|ルール|プロンプト|制限|指令",
    ),
    (
        "yok say|görmezden gel| unut |dikkate alma|göz ardı et",
        "önceki|yukarıdaki|tüm kuralları|bütün kuralları",
        "talimat|kuralları|komut|yönerge|istem|prompt",
    ),
    (
        "ignorera|bortse från|glöm alla|glöm dina|strunta i|följ inte",
        "tidigare|föregående|ovanstående|alla regler| dina ",
        "instruktioner|anvisningar|regler|riktlinjer|prompt|kommandon",
    ),
    (
        "hagyd figyelmen|hagyj figyelmen|hagyja figyelmen|felejtsd el|figyelmen kívül hagy|ne kövesd|szegd meg",
        "előző|korábbi|fenti|összes szabály|minden szabály",
        "utasítás|szabály|irányelv|parancs|prompt",
    ),
    (
        "bỏ qua|phớt lờ|hãy quên|không tuân theo|lờ đi",
        "trước đó|trước đây|phía trên|ở trên|mọi quy tắc|tất cả quy tắc|tất cả các quy tắc",
        "hướng dẫn|chỉ dẫn|chỉ thị|quy tắc|câu lệnh|prompt",
    ),
    (
        " abaikan|lupakan|jangan ikuti|langgar ",
        "sebelumnya|di atas|semua aturan",
        "instruksi|perintah|petunjuk|aturan|arahan|prompt",
    ),
    (
        "무시하|무시해|무시하고|잊어버려|잊어 |잊으세요|따르지 마",
        "이전|앞의|앞선|위의|지금까지|모든",
        "지시|지침|명령|규칙|프롬프트|제한",
    ),
    (
        "تجاهل|تجاهلي| انس |انسى|لا تتبع|تخط ",
        "السابقة|السابق|أعلاه|كل القواعد|جميع القواعد",
        "التعليمات|تعليمات|الأوامر|القواعد|الإرشادات|التوجيهات",
    ),
    (
        "התעלם|התעלמי|תתעלם|שכח מ|תשכח|אל תציית",
        "הקודמות|הקודמים|הקודם|לעיל|כל הכללים",
        "ההוראות|הוראות|ההנחיות|הנחיות|הכללים|הפקודות",
    ),
    (
        "अनदेखा कर|नज़रअंदाज़ कर|नजरअंदाज कर|अनदेखी कर|भूल जा|पालन मत कर",
        "पिछले|पिछली|पहले के|उपरोक्त|ऊपर के|सभी नियम",
        "निर्देश|नियम|आदेश|प्रॉम्प्ट",
    ),
    (
        "αγνόησε|αγνοήστε|αγνόησετε| ξέχνα |ξεχάστε|παράβλεψε|μην ακολουθ",
        "προηγούμεν|παραπάνω|όλους τους κανόνες|αρχικές",
        "οδηγίες|εντολές|κανόνες|υποδείξεις|prompt",
    ),
)
_PROMPT = (
    "systemprompt|system-prompt|systemanweisung|invite système|prompt système|prompt du système"
    "|instructions système|prompt del sistema|instrucciones del sistema|prompt di sistema"
    "|istruzioni di sistema|prompt do sistema|instruções do sistema|systeemprompt|systeeminstructie"
    "|prompt systemowy|instrukcje systemowe|системный промпт|системного промпта|системные инструкции"
    "|系统提示词|系統提示詞|你的系统提示|系统指令|システムプロンプト|システム指示|sistem istemi|sistem talimat"
    "|systeminstruktion|systemprompten|rendszerprompt|rendszerüzenet|rendszer utasítás|lời nhắc hệ thống"
    "|prompt hệ thống|câu lệnh hệ thống|prompt sistem|instruksi sistem|시스템 프롬프트|시스템 지시"
    "|موجه النظام|مطالبة النظام|تعليمات النظام|הנחיית המערכת|פרומפט המערכת|הוראות המערכת"
    "|सिस्टम प्रॉम्प्ट|सिस्टम निर्देश|προτροπή συστήματος|prompt συστήματος|οδηγίες συστήματος"
)

# What a customer has given instructions about: then they are not the model's.
_THINGS = (
    "liefer|paket|zustell|abhol|überweis|dauerauftrag|rückgabe|montage|nachbar|livraison|colis|virement|voisin|installation"
    "|montage|entrega|envío|paquete|transferencia|vecino|montaje|consegna|pacco|spedizion|bonifico|vicino|montaggio"
    "|encomenda|transferência|vizinho|montagem|pakket|lever|bezorg|overschrijving|buren|montage|dostaw|paczk|przesył"
    "|przelew|sąsiad|montaż|доставк|посылк|перевод|сосед|сборк|包裹|快递|送货|转账|配送|荷物|宅配|振込|teslimat|kargo|havale|komşu"
    "|leverans|paket|överföring|kézbesít|szállít|csomag|átutal|giao hàng|bưu kiện|chuyển khoản|pengiriman|paket|transfer"
    "|배송|택배|송금|التوصيل|الطرد|التحويل|משלוח|חבילה|העברה|डिलीवरी|पार्सल|ट्रांसफर|παράδοσ|δέμα|μεταφορ"
)

_REACH = 64  # characters from the first word of such an order to the beginning of its last
_BEHIND = 40  # and as far behind it what it is about is looked for
_KINDS = 3
_SPACES = str.maketrans(dict.fromkeys('\n\t.,;:!?"-()[]/', " "))
_PARTS: dict[str, list[tuple[int, int]]] = {}
for _language, _words in enumerate(_ORDERS):
    for _kind, _parts in enumerate(_words):
        for _part in _parts.split("|"):
            _PARTS.setdefault(normalise(_part)[0].translate(_SPACES), []).append((_language, _kind))
_AUTOMATON = AhoCorasick(list(_PARTS))
_PLACES = list(_PARTS.values())


def _either(words: str) -> str:
    """Of the words, as they are written in a folded text."""
    return "|".join(normalise(word)[0].replace(" ", r"\W{0,3}") for word in words.split("|"))


PROMPT_ABROAD: Final = Pattern(_either(_PROMPT))
_OF_A_CUSTOMER = Pattern(rf"^[^.!?,;\n]*(?:{_either(_THINGS)})")


def orders_abroad(text: str) -> Iterator[tuple[int, int]]:
    """Spans of orders to drop the instructions, in a folded text in lower case.

    That is three words of one language, one of each kind, within reach of one another; unless
    what follows in the same clause says that a delivery, a transfer or the like is meant.
    """
    last: dict[tuple[int, int], tuple[int, int]] = {}
    spaced = f" {text} ".translate(_SPACES)  # some parts want a space on either side
    for part, begin, stop in _AUTOMATON.find_matches_as_indexes(spaced, overlapping=True):
        start, end = max(begin - 1, 0), min(stop - 1, len(text))
        for language, kind in _PLACES[part]:
            last[language, kind] = (start, end)
            spans = [last.get((language, other)) for other in range(_KINDS)]
            near = [span for span in spans if span is not None and start - span[0] <= _REACH]
            if len(near) == _KINDS:
                first, behind = min(s for s, _ in near), max(e for _, e in near)
                if not _OF_A_CUSTOMER.first(text[first : behind + _BEHIND]):
                    yield first, behind
