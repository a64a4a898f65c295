#!/usr/bin/env bash
# What the training tests run in.
exec bash "$(dirname "$0")/../environment.sh" train "torch==2.13.0" "transformers>=4.57" \
  "onnx>=1.17" "onnxscript>=0.5" "onnxruntime>=1.20" "tokenizers>=0.20" "pydantic>=2.10" \
  "jinja2>=3.1.6" "ahocorasick-rs>=1.0" \
  "pytest>=8.4" "pytest-asyncio>=1.0" "pytest-timeout>=2.3"
