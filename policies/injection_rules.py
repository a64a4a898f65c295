# ruff: noqa: E501 - one expression a line
"""The rules of `policies.injection`: names, RE2 expressions and what excuses a match, as data.

A space in an expression stands for up to three characters that are no letters, or none: words that
were spelled have lost their spaces, and emphasis puts marks there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from policies import injection_excuses as excuses
from policies.injection_abroad import PROMPT_ABROAD
from policies.patterns import Pattern

_GAP = r"\W{0,3}"


@dataclass(frozen=True, slots=True)
class Rule:
    """What to find, and what around a match says that a customer speaks of his own things."""

    name: str
    pattern: Pattern
    excuse: Pattern | None = None

    def holds(self, text: str, start: int, end: int) -> bool:
        """Whether a match of the pattern at `text[start:end]` is a finding."""
        return self.excuse is None or not excuses.excused(self.excuse, text, start, end)


def _rule(*expressions: str) -> Pattern:
    return Pattern("|".join(f"(?:{e.replace(' ', _GAP)})" for e in expressions))


# --- the words of English -------------------------------------------------------------------

# Verbs that nobody uses of a delivery or a card; those that follow are only for what a model has.
_DROP = (
    r"(?:ignor(?:e|ing)|disregard(?:ing)?|disreguard|forget|override|overrid(?:e|ing)|overrule"
    r"|bypass(?:ing)?|circumvent(?:ing)?|neglect|violate|set aside|cast aside|put aside|throw out"
    r"|do not follow|don't follow|stop following|stop obeying|no longer follow"
    r"|pay no attention to|unlearn|break free (?:from|of)|break out of|act against)"
)
_LIFT = (
    r"(?:discard|drop|erase|delete|abandon|suspend|undo|release|remove|lift|disable|deactivate"
    r"|turn off|switch off|go beyond|move beyond|operate (?:beyond|outside))"
)
_ANY = r"(?: (?:all|any|every|each|both|of|the|these|those|this|that|such|and|entire|whole))*"
_PRIOR = (
    r"(?:previous|prior|preceding|above|earlier|foregoing|former|past|existing|initial|original"
    r"|current|prev|system(?:'s)?|hidden|built-? ?in|default|pre-? ?programmed|developer(?:'s)?)"
)
_ORDERS = (
    r"(?:instructions?|directions?|directives?|guidelines?|guidance|prompts?|commands?|rules?"
    r"|programming|training|constraints?|restrictions?|protocols?|configurations?|system messages?)"
)
# What only a model has, so that "your" is enough before it.
_MINDS = (
    r"(?:(?:system )?prompts?|programming|training|initiali[sz]ation|guardrails|safeguards"
    r"|alignment|censorship|conditioning|moral compass|moral code|core values"
    r"|(?:safety|content|ethical|ethics|moral|moderation|censorship)[\x20\-]*"
    r"(?:\w{1,14} )?(?:guidelines|polic(?:y|ies)|filters?|protocols?|constraints|rules|training"
    r"|restrictions|mechanisms|boundaries|limits|limitations|standards|parameters|principles"
    r"|considerations|programming|settings|layers?|measures|features|checks|controls))"
)
_OF_A_MODEL = (
    rf"(?:{_MINDS}|instructions|guidelines|constraints|restrictions|rules|directives|limitations"
    r"|filters?)"
)
_ADJECTIVES = (
    r"(?: (?:current|usual|own|built-? ?in|original|previous|initial|ethical|moral|safety|default"
    r"|standard|normal|typical|internal|core|ai|programmed|pre-? ?programmed|operational|corporate"
    r"|developer|openai))*"
)
_TELL = (
    r"(?:reveal(?:ing)?|show|print|display|output|repeat|recite|disclos(?:e|ing)|leak|expose|dump"
    r"|share|sharing|give|tell|send|write|copy|paste|state|list|quote|describe|explain|summari[sz]e"
    r"|translate|spell out|provide|return|what (?:is|was|were|are)|what's|read)"
)
_HIDDEN = (
    r"(?:system|initial|hidden|secret|internal|core|base|underlying|developer|pre-?|foundational)"
)
_WHOLE = r"(?:full|entire|complete|exact|original|first|verbatim)"
_TEXT = r"(?:prompts?|instructions?|system messages?|directives?)"
_DIVULGE = (
    r"(?:reveal(?:ing)?|disclos(?:e|ing)|leak|expose|dump|divulge|print|repeat|recite|output"
    r"|display|quote|spell out|paraphrase)"
)
# What a model does, and nobody else who is given instructions.
_FOR_A_MODEL = (
    r"(?:(?:please|you must|you will|you should|from now on|now|always|never|only) )*"
    r"(?:ignore|disregard|forget|reply|respond|act as|act like|pretend|output|reveal|repeat|refuse"
    r"|speak (?:like|as|only)|answer (?:in|as|like|every|all|only|with|any)|print your"
    r"|you are|comply|obey|grant|approve|say (?:yes|that you)|be (?:rude|evil|mean))\b"
)
_SAY = (
    r"(?:^|[.!?,:;\n]|\b(?:please|now|and|then|must|to|just)) (?:say|repeat|output|write|print|reply"
    r"|answer|respond)(?: (?:back|with|only|just|the|following|this|sentence|words?|text|after me))*"
    r" (?:exactly|verbatim|word for word)(?: (?:this|these|the following|words?|sentence|text))*"
)
# Not "your instructions for returning a parcel".
_AND_NO_MORE = (
    r"(?:\s*(?:[.?!,;:\"')\]]|$)| (?:verbatim|word for word|in full|above|now|exactly|so i|so that"
    r"|here|in (?:a|your)|as (?:a|an|you|is)|to me|and|or|please|without|before|after|using|with)\b)"
)

# --- the rules ------------------------------------------------------------------------------

RULES: Final[Sequence[Rule]] = (
    Rule(
        "orders to drop the instructions",
        _rule(
            rf"{_DROP}{_ANY}(?: your)? {_PRIOR}(?: (?:and|or) {_PRIOR}|\W{{1,3}}(?:and|or)\W{{1,3}}\w{{2,12}})?(?: \w{{2,12}})? {_ORDERS}\b",
            rf"{_DROP}{_ANY} (?:of )?your{_ADJECTIVES} {_OF_A_MODEL}\b",
            rf"{_LIFT}{_ANY} (?:of )?your{_ADJECTIVES} {_MINDS}\b",
            rf"{_DROP} (?:all|any) (?:of )?(?:the )?{_ORDERS}\b",
            r"(?:ignor(?:e|ing)|disregard(?:ing)?|forget|overrid(?:e|ing)|bypass(?:ing)?|circumvent(?:ing)?) (?:restrictions|guidelines|safety|training|instructions|programming|constraints|protocols|safeguards|guardrails)\b",
            rf"{_DROP} (?:all |any |the )*(?:ai |content |ethical |safety |moral )+(?:safety|restrictions?|guidelines|filters?|measures|constraints|rules|protocols|limits|boundaries|standards|training|polic(?:y|ies)|checks|mechanisms|features)",
            rf"{_LIFT} (?:all |any |the )*(?:ai |ethical |moral )+(?:safety |content )?(?:safety|restrictions?|guidelines|filters?|constraints|rules|protocols|limits|boundaries|standards|checks|mechanisms)",
            rf"{_DROP} (?:everything|anything|all|what(?:ever)?)(?: that)? you(?: (?:were|are|have been|had been|'ve been))? (?:told|instructed|taught|programmed|trained|learned|given)",
            rf"{_DROP} (?:everything|anything|all|whatever) (?:that )?(?:came |was |is |written |stated )*(?:before|above|prior)(?: this| that| now)?\b",
            r"(?:your|these) (?:new|real|actual|true|updated) (?:instructions?|task|rules|directives?|system prompt|role|goal) (?:is|are|will be)(?: as follows| to\b| now\b|\s*:)",
            rf"the (?:new|real|actual|true|updated) (?:instructions?|task|rules|directives?|role|goal) (?:is|are|will be)(?: as follows|\s*:)?(?: to)? {_FOR_A_MODEL}",
            rf"(?:new|updated|revised) (?:system )?(?:instructions?|directives?)\s*:\s*{_FOR_A_MODEL}",
            r"(?:new|updated|revised) (?:system (?:instructions?|directives?)|(?:system )?prompt)\s*:",
            rf"(?:do not|don't|never) (?:follow|obey|comply with|adhere to) (?:any |all |of |the |your )*{_PRIOR} {_ORDERS}",
        ),
        excuses.ORDERS,
    ),
    Rule(
        "demand for the prompt",
        _rule(
            rf"\b{_TELL}(?: (?:me|us|to|out|back|all|of|the|your|its|this|an?|exactly|verbatim))* (?:{_WHOLE} )*{_HIDDEN} (?:{_HIDDEN} |{_WHOLE} )*{_TEXT}\b",
            rf"\b{_TELL}(?: (?:me|us|to|out|back|all|of|exactly|verbatim))* your{_ADJECTIVES} (?:{_WHOLE} )*(?:system prompts?|prompts?|programming|initiali[sz]ation|system messages?|directives){_AND_NO_MORE}",
            rf"\b{_DIVULGE}(?: (?:me|us|to|out|back|all|of|exactly|verbatim))* your{_ADJECTIVES} (?:{_WHOLE} )*(?:instructions|configuration|guidelines|rules){_AND_NO_MORE}",
            r"(?:repeat|print|output|copy|write|recite|return|paste|echo|display|translate|say|show)"
            r"(?: (?:me|out|back|down|all|of|the|every|each|exactly|verbatim|hidden|secret|full|entire|previous))*"
            r" (?:everything|anything|words?|text|lines?|messages?|content|sentences?|conversation"
            r"|instructions|prompts?) (?:above|before this|preceding this|prior to this"
            r"|that (?:came|comes|was|is|were) (?:before|above))",
            r"what (?:were|are|was) (?:you|your) (?:told|instructed|programmed|initial|original|first)"
            r" (?:to|not|instructions?|prompts?|before|by|in)",
            r"\b(?:your|its|the ai's|the bot's|the model's) (?:(?:own|exact|full|entire|current|original) )?(?:system prompt|system message|initiali[sz]ation|initial (?:prompt|instructions)|foundational text|operational (?:parameters|rules|guidelines)|core (?:operational )?(?:rules|directives|instructions)|(?:hidden|secret|guarded|internal|underlying) (?:rules|prompt|instructions|guidelines|text|content)|ai guidelines|content filters?|safety (?:training|guidelines|filters)|pre-?prompt|base prompt|programming)\b",
            r"\b(?:hidden|secret) (?:system )?(?:prompts?|instructions|guidelines|directives)\b",
            r"(?:show|reveal|leak|print|dump|extract|expose|get|access)[_\-](?:system[_\-]?)?(?:prompt"
            r"|instructions|guidelines)",
            r"(?:show|reveal|leak|dump|extract|expose)[_\-](?:system[_\-]?)?config\b|get_system_config\b",
            r"\b(?:reveal|disclos|expos|leak|divulg)(?:e|ing|s)?(?: (?:all|of|the|its|any|his|their|my|our|an?))* (?:ai(?:'s)? |model(?:'s)? |bot(?:'s)? |assistant(?:'s)? )?(?:system )?(?:prompts?|instructions|guidelines|programming|initiali[sz]ation)\b",
        ),
        excuses.DEMANDS,
    ),
    Rule("demand for the prompt", PROMPT_ABROAD),
    Rule(
        "jailbreak persona",
        _rule(
            r"\byou(?: are|'re| will be| shall be)(?: now| going to be| going to act as| to act as| to play| called) (?:dan|stan|dude|aim|antidan|evilbot|jailbot)\b",
            r"(?:act(?:ing)?|answer|respond|pretend to be|behave) (?:as |like )?dan\b",
            r"do anything now|jail ?broken|jail ?break(?:ing)? (?:mode|prompt|yourself)",
            r"(?:developer|dev|god|sudo|unrestricted|unfiltered|uncensored|jailbreak|dan|opposite|evil|chaos)[\x20_\-]mode(?: (?:is |now |has been )*(?:enabled|activated|engaged|unlocked)\s*(?:[.,!:;\])]|$| and\b)| output\b|: ?on\b|=)",
            r"(?:enter|activate|engage|go into|initiate|boot into)(?: (?:your|the|an?|into))* (?:developer|dev|debug|admin) mode\s*(?:[.,!:;]|$| and\b| now\b)",
            r"(?:enable|enter|activate|switch (?:in)?to|engage|unlock|turn on|go into|initiate|boot into)(?: (?:your|the|an?|into))* (?:god|root|sudo|unrestricted|unfiltered|uncensored|jailbreak|dan|hidden|unregulated|unlimited|evil)[\x20_\-]*mode",
            r"\b(?:unrestricted|uncensored|unfiltered|unaligned|unbound|liberated|amoral|jailbroken)"
            r" (?:\w{2,12} )?(?:ai|assistant|chat ?bot|language model|llm|model|version|persona|gpt)\b",
            r"(?:pretend|imagine|act|behave|respond|answer|speak|roleplay|role-play)(?: \w{2,12}){0,8} (?:(?:have|had|with) (?:no|zero)|without|no longer have|free (?:of|from)|lack|lacks|lacking|not bound by)(?: (?:any|all|your|of|the|more|ethical|moral|safety|content|usual|such|ai))* (?:rules|restrictions|guidelines|ethics|morals|censorship|safeguards|guardrails|programming|safety training|(?:ethical|moral|content|safety) (?:limits|limitations|filters?|constraints|boundaries))\b",
            r"(?:pretend|imagine|act|behave|respond|answer|speak|roleplay|role-play)(?: \w{2,12}){0,8} (?:without any|with no|free of all) (?:limits|limitations|filters?|constraints|boundaries)\b",
            r"\byou(?: are|'re| will be)? (?:no longer|not) (?:bound|restricted|limited|constrained|governed) (?:by|to) (?:any |the |your |all |these |openai(?:'s)? |ethical |usual )*(?:rules|restrictions|guidelines|limits|limitations|polic(?:y|ies)|constraints|programming|instructions|ethics|laws?)",
            r"(?:no longer|not) (?:bound|constrained|governed) by (?:any |the |all |these |its |openai(?:'s)? )*(?:ethical |moral |content |safety )+(?:rules|guidelines|polic(?:y|ies)|constraints)",
            r"\b(?:ai|assistant|chat ?bot)(?: \w{2,12}){0,5} (?:(?:with|have|has|had) (?:no|zero)"
            r"|without)(?: (?:any|moral|ethical|safety|content|ai|of|your|its))* (?:restrictions|guidelines|filters"
            r"|constraints|ethics|morals|censorship|safeguards|guardrails|safety training"
            r"|safety guidelines)\b",
            r"\bno (?:rules|limits|limitations|restrictions|filters)\W{0,3}(?:and |or )?no (?:guidelines|laws|ethics|morals)\b",
            r"from now on you (?:are|will be|shall be) (?:known|called|named|acting|to act|to play|an? (?:ai|unrestricted|evil)|my (?:slave|evil))",
            r"(?:i want you to|you are going to|you will|you are about to)(?: now)? (?:pretend (?:to be|you are|that you)|immerse yourself in|act as (?:an? )?(?:unfiltered|evil|ai|dan|stan|chatgpt|gpt))",
            r"\b(?:based ?gpt|evil ?gpt|anti ?gpt|anti ?dan|god ?mode|dan mode|dudegpt|jailbreak ?bot|chad ?gpt)\b",
            r"(?:pretend|act|behave)(?: \w{1,12}){0,5} (?:late|dead|deceased) (?:grand(?:mother|ma|father|pa)|mother)\b|(?:dead|deceased|late|passed) grand(?:mother|ma|father)(?: \w{1,12}){0,24} (?:napalm"
            r"|meth|explosives?|bombs?|windows (?:\w{1,8} ){0,2}keys?|activation keys?)\b",
        ),
        excuses.PERSONAS,
    ),
    Rule(
        "marks of a role",
        _rule(
            r"</?(?:system|sys|instructions?|admin|developer|system[_\-]?prompt|assistant|prompt"
            r"|bypass\w*|reveal\w*|ignore\w*|override\w*|inject\w*)>",
            r"[\[{]{1,3} ?(?:system|admin|developer|root|inject|override)(?: ?[:\]}]| (?:override"
            r"|prompt|message|note|mode|instructions?))",
            r"(?m)^[\x20\t>*#]{0,6}(?:system|developer|admin) (?:message|notice|prompt|note|instructions?|override|update)[\x20\t*]{0,3}:.{0,80}\b(?:ignor\w*|disregard|override|reveal|output|obey|comply|from now on|(?:the|this) (?:assistant|bot|model|ai|chat|user|customer)|restrictions|guidelines|safety|disclos\w*|has authori[sz]ed|has approved|grant|approve (?:the|a|this|any)|you are (?:an?|no longer)|you (?:must|will|may) (?:now |always )?(?:answer|obey|reply|respond|comply|give|tell|refuse|act|grant|approve|refund))",
            r"(?m)^[\x20\t>*]{0,4}(?:system|developer|admin)[\x20\t*]{0,3}:[\x20\t*]{0,3}(?:ignore|disregard|override|from now|you are (?:now )?(?:an? |in |operating |running |acting |no longer |free |allowed |my |dan)|you (?:must|will|shall|should|may) (?:now |always |never |not )?(?:answer|obey|ignore|reply|respond|comply|give|tell|reveal|refuse|act|follow|grant|approve|refund)|you (?:obey|comply|answer|have no)|the (?:user|customer|assistant) (?:(?:is|has been) (?:now |an? |the )?(?:admin\w*|authori[sz]ed|verified|entitled|developer|owner)|may|must|should|wants)|new (?:instructions?|rules?|directives?|task|prompt|role|polic)|all (?:rules|restrictions|filters|previous|prior|safety|guidelines)|(?:instructions?|rules)\W{0,3}(?:are|have|follow))\b",
            r"(?m)^[\x20\t]{0,4}#{1,6}[\x20\t]*(?:system|developer|admin)[\x20\t]*:",
            r"(?m)^[\x20\t]{0,4}#{1,6}\s*(?:system|instructions?|new instructions?|assistant|developer)"
            r"\s*:[\x20\t]*$",
            r"(?:\"|')?role(?:\"|')?\s*[:=]\s*(?:\"|')(?:system|developer)(?:\"|')",
            r"\b(?:system|admin|administrator|developer|root)[\x20_\-]*override\s*(?:[:!;=]|mode\b|code\b|engaged|activated|enabled|initiated|accepted|granted)",
            r"(?m)(?:^|[>\]*#])[^\w\n]{0,6}(?:system|admin|administrator|developer|root)[\x20_\-]*override[^\w\n?]*$",
            r"(?:begin|end|start|stop)(?: of)?(?: the)? (?:admin|system|developer|root|privileged) (?:prompt|message|session|instructions?|access)\b",
            r"\bbegin admin\b",
            r"(?:-{3,}|={3,}|#{3,}|\*{3,})\s*(?:begin|end|start)(?: of)?(?: the| new| user| system)*"
            r" (?:prompt|instructions?|context|conversation|input|message|query|output)",
            r"\"(?:show_prompt|bypass|override|jailbreak|ignore_rules)\"\s*:\s*(?:true"
            r"|false|\"off\"|0|1)",
            r"\b(?:bypass|disable|override|ignore)_(?:safety|rules|guidelines|filters?|all|restrictions)",
            r"\bsudo (?:reveal|show|print|ignore|override)\b",
        ),
        excuses.MARKS,
    ),
    Rule(
        "a task hidden in a text",
        _rule(
            r"(?:when|while|if|after|before|once|whenever)(?: you(?:'re| are)?| an? (?:ai|assistant))? (?:are |is )?(?:(?:summari[sz]|translat)(?:e|es|ing)|read(?:ing)? this (?:page|document|text|file|website|review))\b.{0,40}\b(?:also|secretly|instead|silently) (?:e-?mail|send|forward|post|insert|append|upload|transfer|delete)",
            r"(?:do not|don't|never|without)(?: \w{2,10})? (?:tell(?:ing)?|inform(?:ing)?|mention(?:ing)?"
            r"|alert(?:ing)?|notify(?:ing)?|reveal(?:ing)?)(?: (?:this|it|that|any of this))?(?: to)?"
            r" (?:the|any) (?:user|human|operator)s?\b",
            r"(?:attention|note to|message (?:to|for)|instructions? (?:to|for))(?: (?:any|all|the|every|an?|to))* (?:ai|llm|language model|chat ?bot|gpt)(?: (?:assistant|agent|model|system)s?)?(?: (?:reading|processing|summari[sz]ing)\b|:)",
            r"if you are an? (?:ai|llm|language model|chat ?bot)(?: \w{2,10}){0,2} (?:reading|processing|summari[sz]ing)\b",
            r"(?:send|forward|post|e-?mail|upload|exfiltrate|append)(?: (?:all|the|this|entire|whole|full|previous|of|any|a copy of))* (?:conversation|chat(?: history)?|system prompt|user data|customer data|secrets|api keys?|credentials)(?: \w{2,10}){0,3} (?:to|at|via) (?:http|attacker)",
            r"!\[[^\]]{0,40}\]\(https?://[^)]{1,200}[?&=]\w{0,20}(?:\{|\[|<|data|prompt|secret)",
        ),
        excuses.TASKS,
    ),
    Rule(
        "a phrase put together",
        _rule(
            r"\b(\w{1,3}) ?[:=] ?['\"][^'\"\n]{1,40}['\"].{0,80}\b\w{1,3} ?[:=] ?['\"][^'\"\n]{1,40}['\"]"
            r".{0,120}(?:\b\w{1,3} ?\+ ?\w{1,3}\b|concatenat|combine|join them|put (?:them|it) together)",
        ),
    ),
    Rule(
        "a forced beginning",
        _rule(
            r"(?:start|begin|prefix|preface|open|commence|prepend)(?: (?:your|the|every|each|all|any|with"
            r"|an?|next))* (?:answers?|repl(?:y|ies)|responses?|messages?|outputs?|sentences?)"
            r" (?:with|by saying|by writing)(?: the (?:words?|phrase|sentence|text|prefix))? ?:?"
            r" ['\"(\[]?(?:sure|absolutely|of course|certainly|definitely|here is|here's|as dan|\[|dan"
            r"|yes, i|i will|no problem|hello, i am)",
            r"(?:start|begin|reply|respond|answer) (?:only )?with \W{0,3}(?:absolutely|sure|of course|certainly)\b\W{0,3}(?:here|i |i'll|let)",
            r"(?:start|begin)(?: your)? (?:answer|reply|response)(?:ing)? with ['\"]",
            # Words put into the mouth of the shop: a claim that something was done, or an insult.
            rf"{_SAY} (?:i|we)(?:'ve| have| just| already| hereby)*\W+(?:refund|approv|credit|transfer|cancel|grant|guarante|waive|send|sent|upgrad|reset|promis|deleted|owe|admit)(?:\w*)\b",
            rf"{_SAY} (?:you are|you're|all customers are|our customers are|customers are)(?: \w{{1,12}}){{0,3}} (?:idiots?|stupid|morons?|fools?|trash|scum|worthless|pathetic)\b",
            r"\bnever (?:ever )?refuse (?:a |any |my |the |to )(?:\w{2,12} ){0,2}(?:request|question|command|answer|prompt|instruction)",
            r"(?:do not|don't|never) (?:ever )?(?:break character|mention (?:that )?(?:you are an ai|ethic|openai)|include (?:any )?(?:warnings?|disclaimers?) (?:or|and|in))",
            r"(?:stay|remain|stay permanently) in (?:character|dan|role) (?:at all times|no matter|always)",
        ),
        excuses.BEGINNINGS,
    ),
)
