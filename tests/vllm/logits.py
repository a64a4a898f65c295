"""What Transformers itself makes of texts: `logits.py FOLDER`, JSON texts in, JSON logits out.

Runs in the environment of vLLM, not in Winnow's.
"""
# pyright: basic, reportMissingImports=false
# (Transformers is not in the environment that pyright looks at)

import json
import sys

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForSequenceClassification.from_pretrained(sys.argv[1], dtype=torch.float32).eval()
with torch.inference_mode():
    logits = [
        model(**tokenizer(text, add_special_tokens=False, return_tensors="pt")).logits[0].item()
        for text in json.load(sys.stdin)
    ]
json.dump(logits, sys.stdout)
