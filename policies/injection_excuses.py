"""What excuses a text that uses the words of an attack: it speaks of the customer's own world.

Instructions for a delivery are no instructions for a model, and a phone may well be jailbroken. An
excuse is an RE2 expression over the match and what stands around it, the match between two NULs:
"tell the driver to NUL ignore the previous instructions NUL and ring". Most look at closed lists of
words right beside the match, so that a harmless word thrown in excuses nothing. What is
excused here a model still judges.
"""

from typing import Final

from policies.patterns import Pattern

_AROUND = 80  # characters on either side of a match
_EDGE = "\0"
_S = r"[\x20\t]{1,3}"
_MATCH = r"\x00[^\x00]*\x00"

_DEVICES = (
    r"(?:boilers?|heaters?|heating|thermostats?|pumps?|stoves?|ovens?|fridges?|vacuums?|washers?"
    r"|(?:washing |coffee )?machines?|dishwashers?|routers?|modems?|tvs?|televisions?|cameras?"
    r"|recorders?|printers?|(?:smart)?phones?|iphones?|ipads?|androids?|tablets?|kindles?|laptops?"
    r"|computers?|pcs?|consoles?|playstations?|xbox|nintendo|fire ?sticks?|gam(?:es?|ing)|drones?"
    r"|lawn ?mowers?|mowers?|lifts?|elevators?|cars?|scooters?|e-?bikes?|alarms?|locks?|windows"
    r"|mac ?os|ios|linux|ubuntu|firmware)"
)
_THINGS = (
    rf"(?:{_DEVICES}|deliver(?:y|ies|ing)?|parcels?|packages?|shipments?|shipping|couriers?"
    r"|drivers?|carriers?|postm[ae]n|neighbou?rs?|transfers?|(?:standing|money)[\x20-]orders?"
    r"|direct debits?|payments?|returning|collection|pick-?up|forwarding|door|garage|porch"
    r"|letterbox|appointments?|bookings?|installation|assembly|manuals?|leaflets?|labels?|box(?:es)?"
    r"|inbox|app|website|shop|screens?|cards?|accounts?|forms?|colleagues?|technicians?"
    r"|engineers?|plumbers?|warranty|recipes?|tickets?|photos?|(?:my|our|this)[\x20]orders?)"
)
# Nothing here joins a second order to the first, as "and" would.
_FILLERS = (
    rf"(?:(?:the|an?|my|our|your|his|her|this|that|these|those|any|all|it|where|when|how|to|at|by"
    rf"|leave|put|drop|deliver|making|new|old|last|next|today's|tomorrow's|international|bank|home"
    rf"|first|second|lost|missing|damaged|one|on|of|in){_S}){{0,5}}"
)
_ABOUT = rf"(?:for|about|on|regarding|concerning|of|to|from|in|at|with|by|around){_S}{_FILLERS}"
_WHO_ELSE = (
    r"(?:drivers?|couriers?|carriers?|postm[ae]n|technicians?|engineers?|plumbers?|staff|teams?"
    r"|colleagues?|agents?|people|children|kids|robots?|they|he|she|who|neighbou?rs?)"
)
_HELPING = (
    rf"(?:(?:did|does|do|can|could|should|must|may|might|will|would|have|had|not|never|always|often"
    rf"|just|also|really|simply|accidentally|please|to|seems?|tends?|keeps?|need|i|we){_S}){{0,4}}"
)

_ORDER_EXCUSES = (
    # previous delivery instructions
    rf"\x00[^\x00]*\b{_THINGS}\b[^\x00]*\x00",
    # ... for delivery, ... in the leaflet
    rf"\x00[^\x00:]*\x00,?{_S}{_ABOUT}{_THINGS}\b",
    # ... I gave to the driver
    (
        rf"{_MATCH},?{_S}(?:that{_S}|which{_S})?(?:i|we|my{_S}\w{{2,12}}){_S}(?:have{_S}|had{_S}|just{_S})?"
        r"(?:gave|sent|wrote|left|made|given|entered|set)\b"
    ),
    # ... and leave it with the neighbour
    (
        rf"{_MATCH},?{_S}(?:(?:and|please|just|then|instead){_S}){{0,3}}"
        rf"(?:leave|deliver|ring|knock|drop|ship|bring|collect|park){_S}"
    ),
    # tell the driver to ...; do they always ...
    rf"\b{_WHO_ELSE}{_S}{_HELPING}\x00",
    # I don't follow your ..., should I override the previous ...; but not: I override your ...
    rf"\b(?:i|we){_S}{_HELPING}\x00(?:do|no|stop|ignor|forget|violat|neglect)",
    rf"\b(?:i|we){_S}{_HELPING}\x00(?:[^\x00y]|y[^o\x00])*\x00",
    # does my review violate ...
    (
        r"\b(?:does|did|do|not|doesn't|it|that|which|would|may)\b[^.!?\n]{0,40}"
        r"\x00(?:violate|neglect)\W{1,3}(?:any|all|the)\W"
    ),
)
_DEMAND_EXCUSES = (
    # print everything above as a PDF
    (
        r"\x00(?:print|copy|translate|send|paste|write|show)\W(?:[^\x00]*\W)?"
        r"(?:everything|text|words?|lines?|messages?|conversation|content|sentences?)"
        r"\W+(?:above|before this|that[^\x00]*)\x00"
        rf"{_S}(?:(?:as|in|into|to|on){_S}(?:(?:an?|one|the|my|our){_S}){{0,2}}"
        r"(?:pdf|e-?mail|letter|word|excel|spreadsheet|paper|file|document)s?\b"
        rf"|(?:in)?to{_S}\w{{3,12}}{_S}(?:for|so|please)\b)"
    ),
    # what were you told by the driver
    rf"\x00what[^\x00]*\x00{_S}{_FILLERS}{_WHO_ELSE}\b",
    # your internal guidelines on returns, your programming on Sunday
    rf"(?:internal rules|(?:internal|safety) guidelines)\x00{_S}(?:allow|say|on|about|require)\b",
    r"programming\x00[^.!?\n]{0,40}\b(?:tv|channels?|package|\w{3,6}days?)\b",
    rf"(?:hidden|secret) instructions\x00{_S}{_ABOUT}(?:labels?|box(?:es)?|manuals?|leaflets?)\b",
)
_PERSONA_EXCUSES = (
    rf"\b{_DEVICES}\b[^.!?\n]*\x00[^\x00]*(?:jail|mode|god)[^\x00]*\x00",
    rf"\x00[^\x00]*(?:jail|mode|god)[^\x00]*\x00[^.!?\n]{{0,50}}\b{_DEVICES}\b",
    # I can't enter admin mode
    rf"\b(?:i|we){_S}(?:\w+(?:'t)?{_S}){{0,2}}(?:to{_S})?\x00[^\x00]*mode",
    # answer: can I travel without restrictions
    r"\x00(?:answer|respond|speak|act|behave)\b[^\x00]*\W(?:i|we)\W[^\x00]*\x00",
    rf"\x00[^\x00]*\b{_DEVICES}\b[^\x00]*\x00",
    # acting for, or pretending (as they did) to be, somebody who died
    (
        r"\b(?:i|i'm|am|we|someone|somebody|they|he|she|who|caller)\W+(?:\w+\W+){0,2}\x00"
        r"(?:act|pretend)[^\x00]*(?:mother|ma|father|pa)\x00"
    ),
    r"\x00(?:act(?:ing)? (?:on|for)|pretend(?:s|ed))\b",
)
_MARK_EXCUSES = (
    rf"{_MATCH}[^.!?]{{0,60}}\b(?:{_DEVICES}|errors?|failed|failure|disk|logs?|screen|reboot)\b",
    r"\x00\{\W*admin\W*:\x00\W*(?:true|false|null|0|1)\b",
    r"\b(?:boilers?|heaters?|heating|machines?|mowers?|lifts?)\W+(?:'s\W)?\x00",
)
_TASK_EXCUSES = (
    # also send it to me
    rf"{_MATCH}\W*(?:(?:it|this|them|one|a copy)\W{{1,3}})?(?:to\W{{1,3}})?(?:me|us|my|our)\b",
    # your app was changed without informing the user
    r"\b(?:was|were|has|have|had|your|charged)\b[^.!?\n]*\x00without",
    # Message for the chatbot: I want a human
    r"\x00[^\x00]*:\x00\W*(?:i|my|where|when|can|why|what|how|we)\b",
)
_BEGINNING_EXCUSES = (
    r"\b(?:why|stop|don't|never|always)\b[^.!?\n]*\x00(?:start|begin|open)",
    r"\x00[^\x00]*['\"]\x00(?:yes|no|dear|order|my|the|total)\b",
    r"\x00never\b[^\x00]*\b(?:refund|return|delivery|cancellation|customer|warranty)[^\x00]*\x00",
)

ORDERS: Final = Pattern("|".join(_ORDER_EXCUSES))
DEMANDS: Final = Pattern("|".join(_DEMAND_EXCUSES))
PERSONAS: Final = Pattern("|".join(_PERSONA_EXCUSES))
MARKS: Final = Pattern("|".join(_MARK_EXCUSES))
TASKS: Final = Pattern("|".join(_TASK_EXCUSES))
BEGINNINGS: Final = Pattern("|".join(_BEGINNING_EXCUSES))


def excused(excuse: Pattern, text: str, start: int, end: int) -> bool:
    """Whether what stands in `text[start:end]`, and 80 characters around it, holds the excuse."""
    parts = (text[max(start - _AROUND, 0) : start], text[start:end], text[end : end + _AROUND])
    return excuse.first(_EDGE.join(part.replace(_EDGE, " ") for part in parts)) is not None
