#!/usr/bin/env bash
# usage: environment.sh NAME PACKAGE...
# Makes the environment .venv-NAME with these packages. The first one is installed by itself: torch
# for the CPU by its exact version, so that no CUDA build comes with another. A second run with the
# same packages costs nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

environment=.venv-$1
packages=("${@:2}")
stamp=$environment/.installed
if [[ -f $stamp && "$(cat "$stamp")" == "${packages[*]}" ]]; then
  exit 0
fi
echo "Making $environment (1.5 GB; a minute)"
rm -rf "$environment"
"${PYTHON:-.venv/bin/python}" -m venv "$environment"
pip=("$environment/bin/python" -m pip install --disable-pip-version-check --no-input -q)
"${pip[@]}" "${packages[0]}"
"${pip[@]}" "${packages[@]}"
echo "${packages[*]}" >"$stamp"
