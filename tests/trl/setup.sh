#!/usr/bin/env bash
# An environment of its own for TRL: torch for the CPU first, by its exact version, so that no
# CUDA build comes with trl. A second run costs nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."

packages=("torch==2.13.0" "trl==1.16.0" "transformers>=4.57" "datasets>=4" "gguf>=0.10" "accelerate>=1.4")
stamp=.venv-trl/.installed
if [[ -f $stamp && "$(cat "$stamp")" == "${packages[*]}" ]]; then
  exit 0
fi
echo "Making .venv-trl (1.5 GB; a minute)"
rm -rf .venv-trl
"${PYTHON:-.venv/bin/python}" -m venv .venv-trl
pip=(.venv-trl/bin/python -m pip install --disable-pip-version-check --no-input -qq)
"${pip[@]}" "${packages[0]}"
"${pip[@]}" "${packages[@]}"
echo "${packages[*]}" >"$stamp"
