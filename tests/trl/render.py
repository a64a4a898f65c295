"""Renders TRL's chat templates as Transformers does: `render.py`, JSON messages in, JSON out.

The answer is `{path of a template: its text, or null where it refuses these messages}`. Runs in the
environment of TRL, not in Winnow's.
"""
# pyright: basic, reportMissingImports=false
# (TRL is not in the environment that pyright looks at)

import json
import sys
from importlib.metadata import files
from pathlib import Path

from transformers.utils.chat_template_utils import render_jinja_template

messages = json.load(sys.stdin)
rendered = {}
for file in files("trl") or ():
    if file.suffix != ".jinja":
        continue
    path = Path(str(file.locate()))
    try:
        texts, _ = render_jinja_template([messages], chat_template=path.read_text())
        rendered[str(path)] = texts[0]
    except Exception:  # noqa: BLE001 - whatever a template does
        rendered[str(path)] = None
json.dump(rendered, sys.stdout)
