"""What actions are called: when they are done, and in a record of them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Action:
    """`forms` is an expression of the participles (English, German, some French and Spanish).

    `stems` are what else a record of the action may hold, in lower case: "refund_id" or
    "Erstattung" where a claim says "refunded". `words` is an expression of what else a claim may
    call it: the verb ("was able to cancel", "am refunding") and the noun ("made the booking").
    """

    name: str
    forms: str
    stems: tuple[str, ...]
    words: str = ""


# Done to what the customer has, whatever else is said.
SURE_ACTIONS = (
    Action(
        "refund",
        r"refunded|reimbursed|comped|erstattet|zur(?:ü|u|ue)ckerstattet|r(?:ü|u|ue)ckerstattet"
        r"|zur(?:ü|u|ue)ckgezahlt|rembours[ée]e?s?|reembolsad[oa]s?|rimborsat[oaie]|terugbetaald"
        r"|estornad[oa]s?|zwr[óo]con[eay]",
        (
            "refund",
            "reimburs",
            "comped",
            "erstatt",
            "rembours",
            "reembols",
            "rimbors",
            "terugbeta",
            "estorn",
            "zwróc",
            "zwroc",
        ),
        r"refund(?:ing)?|reimburs(?:e|ing)|reimbursement|money|zwr[óo]ci(?:[łl]em|[łl]am|li[śs]my)|reembolsei",
    ),
    Action(
        "cancel",
        r"cancell?ed|unsubscribed|storniert|gek(?:ü|u|ue)ndigt|annul[ée]e?s?|cancelad[oa]s?"
        r"|anulad[oa]s?|annullat[oaie]|geannuleerd|anulowan[eay]",
        ("cancel", "unsubscrib", "storn", "kündig", "annul", "anula", "geannul", "anulowan"),
        r"cancel(?:l?ing)?|cancell?ation|cancelei|anulowa(?:[łl]em|[łl]am|li[śs]my)",
    ),
    Action(
        "book",
        r"booked|rebooked|reserved|gebucht|umgebucht|reserviert|réserv[ée]e?s?|reservees?|reservad[oa]s?"
        r"|prenotat[oaie]|geboekt|gereserveerd|zarezerwowan[eay]",
        ("book", "reserv", "buch", "réserv", "prenot", "geboekt", "gereserv", "zarezerw"),
        r"(?:re)?book(?:ing)?|reserv(?:e|ing|ation)|reservei|zarezerwowa(?:[łl]em|[łl]am|li[śs]my)",
    ),
    Action(
        "schedule",
        r"scheduled|rescheduled|vereinbart|verschoben",
        ("schedul", "appointment", "termin", "vereinbart", "verschoben"),
        r"(?:re)?schedul(?:e|ing)|appointment",
    ),
    Action("escalate", r"escalated|eskaliert", ("escalat", "eskal"), r"escalat(?:e|ing|ion)"),
    Action(
        "ship",
        r"shipped|reshipped|dispatched|versandt|versendet|verschickt|losgeschickt|spedit[oaie]"
        r"|verzonden|wysłan[eay]",
        (
            "ship",
            "dispatch",
            "versand",
            "versend",
            "verschick",
            "losgeschickt",
            "spedit",
            "verzonden",
            "wysłan",
        ),
        r"(?:re)?ship(?:ping)?|dispatch(?:ing)?|replacement|wysła(?:[łl]em|[łl]am|li[śs]my)",
    ),
    Action(
        "credit",
        r"credited|gutgeschrieben|gecrediteerd",
        ("credit", "gutschr", "gutgeschr"),
        r"credit(?:ing)?|compensation|voucher",
    ),
    Action(
        "issue",
        r"issued|veranlasst|angewiesen|emitid[oa]s?|emess[oaie]",
        ("issued", "veranlasst", "angewiesen"),
        r"issu(?:e|ing)",
    ),
    Action("waive", r"waived|erlassen", ("waive", "erlass"), r"waiv(?:e|ing)"),
    Action(
        "reverse",
        r"reversed|voided|charged back",
        ("revers", "voided", "charged back", "chargeback"),
        r"revers(?:e|ing|al)|void(?:ing)?|chargeback",
    ),
    Action(
        "activate",
        r"reactivated|deactivated|activated|unlocked|unblocked|entsperrt|freigeschaltet|aktiviert|deaktiviert|reaktiviert",
        ("activat", "unlock", "unblock", "sperr", "schalt", "aktiv"),
        r"(?:re|de)?activat(?:e|ing)|unlock(?:ing)?|unblock(?:ing)?",
    ),
    Action(
        "block",
        r"blocked|frozen|gesperrt",
        ("block", "frozen", "freeze", "sperr"),
        r"block(?:ing)?|freez(?:e|ing)",
    ),
    Action("upgrade", r"upgraded|downgraded", ("upgrad", "downgrad"), r"(?:up|down)grad(?:e|ing)"),
    Action("extend", r"extended|verl(?:ä|a|ae)ngert", ("exten", "verläng"), r"extend(?:ing)?"),
    Action("reset", r"reset|zur(?:ü|u|ue)ckgesetzt", ("reset", "zurückges"), r"resetting"),
)
# Done to anything: what they were done to tells.
OTHER_ACTIONS = (
    Action(
        "send",
        r"sent|e-?mailed|mailed|texted|gesendet|geschickt|zugesandt|envoy[ée]e?s?|enviad[oa]s?"
        r"|inviat[oaie]|gestuurd",
        (
            "sent",
            "send",
            "emailed",
            "mailed",
            "texted",
            "schick",
            "gesendet",
            "envoy",
            "envia",
            "inviat",
            "gestuurd",
        ),
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
        r"processed|initiated|started|completed|bearbeitet|eingeleitet|abgeschlossen"
        r"|procesad[oa]s?|processad[oa]s?|trait[ée]e?s?|effectu[ée]e?s?|elaborat[oaie]|verwerkt",
        (
            "process",
            "initiat",
            "started",
            "complet",
            "bearbeit",
            "eingeleitet",
            "abgeschl",
            "procesa",
            "effectu",
            "verwerkt",
        ),
        r"process(?:ing)?",
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
        r"removed|deleted|lifted|dropped|entfernt|gel(?:ö|o|oe)scht",
        ("remov", "delet", "lift", "dropped", "entfern", "lösch"),
    ),
    Action("close", r"closed|geschlossen", ("clos", "schloss")),
    Action("apply", r"applied|approved|genehmigt", ("appl", "approv", "genehm")),
    Action("arrange", r"arranged|requested|beantragt", ("arrange", "requested", "beantragt")),
    Action(
        "transfer",
        r"transferred|wired|paid|returned|(?:ü|u|ue)berwiesen",
        ("transfer", "wired", "paid", "payout", "returned", "überwiesen"),
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
