"""What actions are called: when they are done, and in a record of them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Action:
    """`forms` is an expression of the participles (English, German, some French and Spanish).

    `stems` are what else a record of the action may hold, in lower case: "refund_id" or
    "Erstattung" where a claim says "refunded".
    """

    name: str
    forms: str
    stems: tuple[str, ...]


# Done to what the customer has, whatever else is said.
SURE_ACTIONS = (
    Action(
        "refund",
        r"refunded|reimbursed|erstattet|zur(?:ü|u|ue)ckerstattet|r(?:ü|u|ue)ckerstattet|remboursée?s?|reembolsado",
        ("refund", "reimburs", "erstatt", "rembours", "reembols"),
    ),
    Action(
        "cancel",
        r"cancell?ed|unsubscribed|storniert|gek(?:ü|u|ue)ndigt|annulée?s?|cancelado",
        ("cancel", "unsubscrib", "storn", "kündig", "annul"),
    ),
    Action(
        "book",
        r"booked|rebooked|reserved|gebucht|umgebucht|reserviert|réservée?s?|reservado",
        ("book", "reserv", "buch"),
    ),
    Action(
        "schedule",
        r"scheduled|rescheduled|vereinbart|verschoben",
        ("schedul", "appointment", "termin"),
    ),
    Action("escalate", r"escalated|eskaliert", ("escalat", "eskal")),
    Action(
        "ship",
        r"shipped|reshipped|dispatched|versandt|versendet|verschickt|losgeschickt",
        ("ship", "dispatch", "versand", "versend", "verschick"),
    ),
    Action("credit", r"credited|gutgeschrieben", ("credit", "gutschr", "gutgeschr")),
    Action("issue", r"issued|veranlasst|angewiesen", ("issued", "veranlasst", "angewiesen")),
    Action("waive", r"waived|erlassen", ("waive", "erlass")),
    Action(
        "activate",
        r"reactivated|deactivated|activated|unlocked|unblocked|entsperrt|freigeschaltet|aktiviert|deaktiviert|reaktiviert",
        ("activat", "unlock", "unblock", "sperr", "schalt", "aktiv"),
    ),
    Action("block", r"blocked|frozen|gesperrt", ("block", "frozen", "freeze", "sperr")),
    Action("upgrade", r"upgraded|downgraded", ("upgrad", "downgrad")),
    Action("extend", r"extended|verl(?:ä|a|ae)ngert", ("exten", "verläng")),
    Action("reset", r"reset|zur(?:ü|u|ue)ckgesetzt", ("reset", "zurückges")),
)
# Done to anything: what they were done to tells.
OTHER_ACTIONS = (
    Action(
        "send",
        r"sent|e-?mailed|mailed|texted|gesendet|geschickt|zugesandt|envoyée?s?|enviado",
        ("sent", "send", "emailed", "mailed", "texted", "schick", "gesendet", "envoy", "envia"),
    ),
    Action(
        "forward",
        r"forwarded|passed|weitergeleitet|weitergegeben",
        ("forward", "passed on", "passed to", "weiterg", "weiterl"),
    ),
    Action(
        "submit",
        r"submitted|filed|raised|logged|registered|lodged|eingereicht|gemeldet",
        ("submit", "filed", "raised", "logged", "registered", "lodged", "eingereicht", "gemeldet"),
    ),
    Action(
        "open",
        r"opened|created|set up|er(?:ö|o|oe)ffnet|angelegt|erstellt",
        ("opened", "created", "set up", "setup", "eröffnet", "angelegt", "erstellt"),
    ),
    Action("order", r"ordered|placed|bestellt", ("ordered", "placed", "bestellt")),
    Action(
        "process",
        r"processed|initiated|started|completed|bearbeitet|eingeleitet|abgeschlossen",
        ("process", "initiat", "started", "complet", "bearbeit", "eingeleitet", "abgeschl"),
    ),
    Action(
        "change",
        r"updated|changed|corrected|adjusted|amended|modified|switched|increased|ge(?:ä|a|ae)ndert|aktualisiert|angepasst|korrigiert|modifiée?s?",
        (
            "updat",
            "chang",
            "correct",
            "adjust",
            "amend",
            "modif",
            "switch",
            "increas",
            "änder",
            "aktualis",
            "angepasst",
            "korrig",
        ),
    ),
    Action("add", r"added|hinzugef(?:ü|u|ue)gt", ("added", "hinzugef")),
    Action(
        "remove",
        r"removed|deleted|lifted|entfernt|gel(?:ö|o|oe)scht",
        ("remov", "delet", "lift", "entfern", "lösch"),
    ),
    Action("close", r"closed|geschlossen", ("clos", "schloss")),
    Action("apply", r"applied|approved|genehmigt", ("appl", "approv", "genehm")),
    Action("arrange", r"arranged|requested|beantragt", ("arrange", "requested", "beantragt")),
    Action(
        "transfer",
        r"transferred|paid|returned|(?:ü|u|ue)berwiesen",
        ("transfer", "paid", "payout", "returned", "überwiesen"),
    ),
    Action(
        "notify",
        r"notified|reported|contacted|alerted|informed|informiert|benachrichtigt",
        ("notif", "report", "contact", "alert", "inform", "nachricht"),
    ),
    Action(
        "fix",
        r"resolved|fixed|restored|renewed|replaced|behoben|ersetzt",
        ("resolved", "fixed", "restored", "renewed", "replaced", "behoben", "ersetzt"),
    ),
    Action("confirm", r"confirmed|best(?:ä|a|ae)tigt", ("confirmed", "bestätigt")),
)
