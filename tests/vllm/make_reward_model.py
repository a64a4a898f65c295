"""Makes a tiny reward model with random weights: `make_reward_model.py TOKENIZER FOLDER`.

A Llama that classifies sequences, with one label and the tokeniser of another model. Runs in the
environment of vLLM, not in Winnow's.
"""
# pyright: basic, reportMissingImports=false
# (Transformers is not in the environment that pyright looks at)

import sys
from pathlib import Path

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForSequenceClassification

source, folder = (Path(argument) for argument in sys.argv[1:])
tokenizer = AutoTokenizer.from_pretrained(source)
torch.manual_seed(1)
model = LlamaForSequenceClassification(
    LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=1024,
        pad_token_id=0,
        num_labels=1,
    )
)
# Weights as small as untrained ones are would give every text the same score.
for weight in model.parameters():
    torch.nn.init.normal_(weight, std=0.5)
model.save_pretrained(folder)
tokenizer.save_pretrained(folder)
