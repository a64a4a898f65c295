"""Two steps of one TRL trainer on one export; run by test_trl.py inside `.venv-trl`.

usage: train.py KIND EXPORT GGUF OUT tiny|real

Prints one JSON object: the rows that TRL read, the columns, the losses of the steps.
"""

# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false
# (its libraries are in another environment)

import json
import sys
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, load_dataset
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GgufConfig,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
)
from trl import (
    DPOConfig,
    DPOTrainer,
    KTOConfig,
    KTOTrainer,
    RewardConfig,
    RewardTrainer,
    SFTConfig,
    SFTTrainer,
)

TRAINERS: dict[str, tuple[Any, Any]] = {
    "sft": (SFTTrainer, SFTConfig),
    "dpo": (DPOTrainer, DPOConfig),
    "kto": (KTOTrainer, KTOConfig),
    "reward": (RewardTrainer, RewardConfig),
}


def tiny_model(kind: str, tokenizer: Any) -> Any:
    """A Llama of 4 million parameters that has learnt nothing."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_labels=1,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return (LlamaForSequenceClassification if kind == "reward" else LlamaForCausalLM)(config)


def real_model(gguf: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(
        str(gguf.parent),
        gguf_file=gguf.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )


def main(kind: str, export: Path, gguf: Path, out: Path, size: str) -> None:
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = real_model(gguf) if size == "real" else tiny_model(kind, tokenizer)
    model.save_pretrained(out / "model")  # a trainer loads its reference model by path itself
    dataset: Dataset = load_dataset(str(export), split="train", cache_dir=str(out / "cache"))
    trainer_class, config_class = TRAINERS[kind]
    arguments = config_class(
        output_dir=str(out),
        max_steps=2,
        per_device_train_batch_size=2,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        bf16=False,
        max_length=256,
    )
    trainer = trainer_class(
        model=str(out / "model"), args=arguments, train_dataset=dataset, processing_class=tokenizer
    )
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    print(json.dumps({"rows": len(dataset), "columns": dataset.column_names, "losses": losses}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]), sys.argv[5])
