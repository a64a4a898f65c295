"""Turns a GGUF file into a Transformers folder, which is what vLLM loads: `convert.py GGUF FOLDER`.

Runs in the environment of vLLM, not in Winnow's.
"""
# pyright: basic, reportMissingImports=false
# (Transformers is not in the environment that pyright looks at)

import shutil
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

gguf, folder = (Path(argument) for argument in sys.argv[1:])
staging = folder.with_suffix(".part")
shutil.rmtree(staging, ignore_errors=True)
AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(staging)
AutoModelForCausalLM.from_pretrained(
    gguf.parent,
    gguf_file=gguf.name,
    dtype=torch.bfloat16,
    quantization_config=GgufConfig(dequantize=True),  # without it, it cannot be saved
).save_pretrained(staging)
staging.rename(folder)
