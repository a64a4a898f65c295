"""Winnow: a guarded chatbot serving gateway."""

__version__ = "0.1.0"
