# pyright: reportUnknownMemberType=false  # Typer: its Option and Argument are partly untyped
"""`winnow reward`."""
import typer
app = typer.Typer()
