"""Attention Server beside Triton, both driven by NVIDIA's perf_analyzer.

Triton is the server of the wheel nvidia-pytriton, with ONNX Runtime behind its
Python backend: the wheel has no other backend. `./dev bench serving` runs this.
"""
