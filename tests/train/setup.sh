#!/usr/bin/env bash
# An environment of its own for training: torch for the CPU first, by its exact version, so that
# no CUDA build comes with another package. A second run costs nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."

packages=("torch==2.13.0" "transformers>=4.57" "onnx>=1.17" "onnxscript>=0.5" "onnxruntime>=1.20"
  "tokenizers>=0.20" "pydantic>=2.10" "pytest>=8.4" "pytest-asyncio>=1.0" "pytest-timeout>=2.3")
stamp=.venv-train/.installed
if [[ -f $stamp && "$(cat "$stamp")" == "${packages[*]}" ]]; then
  exit 0
fi
echo "Making .venv-train (1.5 GB; a minute)"
rm -rf .venv-train
"${PYTHON:-.venv/bin/python}" -m venv .venv-train
pip=(.venv-train/bin/python -m pip install --disable-pip-version-check --no-input -q)
"${pip[@]}" "${packages[0]}"
"${pip[@]}" "${packages[@]}"
echo "${packages[*]}" >"$stamp"
