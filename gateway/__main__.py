"""`python -m gateway` is `winnow`."""

from gateway.cli import app

app()
