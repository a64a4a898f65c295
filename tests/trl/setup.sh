#!/usr/bin/env bash
# What the trainers of TRL run in.
exec bash "$(dirname "$0")/../environment.sh" trl "torch==2.13.0" "trl==1.16.0" \
  "transformers>=4.57" "datasets>=4" "gguf>=0.10" "accelerate>=1.4"
