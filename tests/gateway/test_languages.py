"""The language of short texts of customers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.languages import LANGUAGES, language_of

# What customers write, mostly in few words.
WRITTEN = {
    "en": (
        "Where is my parcel?",
        "My card was charged twice.",
        "this is unacceptable",
        "I can't log in to my account",
        "I bought a Samsung Galaxy A55 and the screen is broken.",
    ),
    "de": (
        "Wo ist mein Paket?",
        "Meine Karte wurde doppelt belastet.",
        "das ist eine Frechheit",
        "Ich kann mich nicht einloggen",
        "Ich habe ein Samsung Galaxy A55 gekauft und der Bildschirm ist kaputt.",
    ),
    "fr": (
        "Où est mon colis ?",
        "Ma carte a été débitée deux fois.",
        "c'est inadmissible",
        "Je n'arrive pas à me connecter",
        "J'ai acheté un Samsung Galaxy A55 et l'écran est cassé.",
    ),
    "es": (
        "¿Dónde está mi paquete?",
        "Me han cobrado dos veces.",
        "Hola, ¿me puede ayudar?",
        "No puedo entrar en mi cuenta",
        "Compré un Samsung Galaxy A55 y la pantalla está rota.",
    ),
    "it": (
        "Dov'è il mio pacco?",
        "Mi avete addebitato due volte.",
        "Buongiorno, può aiutarmi?",
        "Non riesco ad accedere al mio conto",
        "Ho comprato un Samsung Galaxy A55 e lo schermo è rotto.",
    ),
    "nl": (
        "Waar is mijn pakket?",
        "Mijn kaart is twee keer belast.",
        "Hallo, kunt u mij helpen?",
        "Ik kan niet inloggen",
        "Ik heb een Samsung Galaxy A55 gekocht en het scherm is kapot.",
    ),
    "pt": (
        "Onde está a minha encomenda?",
        "Fui cobrado duas vezes.",
        "Olá, pode ajudar-me?",
        "Não consigo entrar na minha conta",
        "Comprei um Samsung Galaxy A55 e a tela está quebrada.",
    ),
    "pl": (
        "Gdzie jest moja paczka?",
        "Moja karta została obciążona dwa razy.",
        "Dzień dobry, czy może mi pan pomóc?",
        "Nie mogę się zalogować",
        "Kupiłem Samsunga Galaxy A55 i ekran jest zepsuty.",
    ),
}


@pytest.mark.parametrize("language", WRITTEN)
def test_a_customers_language_is_told_from_a_few_words(language: str):
    """Most short messages are recognised, and none is taken for another language."""
    told = [language_of(text) for text in WRITTEN[language]]
    assert set(told) <= {language, None}
    assert told.count(language) >= 4


@pytest.mark.parametrize("text", ["", "12.10.2025", "?!", "10023345 / 4111-1111", "\ud800"])
def test_a_text_without_letters_has_no_language(text: str):
    """Order numbers, dates and signs belong to all of them."""
    assert language_of(text) is None


def test_who_wants_to_be_surer_is_told_less():
    """A word that several languages have is given to none."""
    assert language_of("taxi", min_confidence=0.99) is None


@given(st.text(st.characters()))
def test_any_text_has_a_known_language_or_none(text: str):
    """Lone surrogates and control characters included."""
    assert language_of(text) in {*LANGUAGES, None}


def test_a_long_text_is_judged_by_its_beginning():
    """A megabyte costs no more than two thousand characters."""
    german = "Wo ist mein Paket, das schon gestern hätte ankommen sollen? " * 40
    assert language_of(german + "Where is my parcel? " * 50_000) == "de"
