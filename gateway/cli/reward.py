# Typer types its Option and Argument only in part:
# pyright: reportUnknownMemberType=false
"""`winnow reward`."""

import typer

app = typer.Typer()
