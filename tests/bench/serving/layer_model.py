"""The layer in Triton's Python backend: what Triton loads as a model.py.

Whatever requests Triton has put together become one batch of ONNX Runtime's.
Tensors pass by DLPack: Triton's own conversions are for NumPy 1, which Debian
13's Python does not have, and with NumPy 2 they are silently wrong.
"""

import json
import os

import numpy as np
import onnxruntime
import triton_python_backend_utils as triton


class TritonPythonModel:
    """The name and the methods are Triton's."""

    def initialize(self, args):
        config = json.loads(args["model_config"])
        options = onnxruntime.SessionOptions()
        threads = config["parameters"]["threads"]["string_value"]
        options.intra_op_num_threads = int(threads)
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        path = os.path.join(os.path.dirname(__file__), "layer.onnx")
        self._session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        self._inputs = [entry.name for entry in self._session.get_inputs()]

    def execute(self, requests):
        batches = {
            name: [
                np.from_dlpack(triton.get_input_tensor_by_name(request, name))
                for request in requests
            ]
            for name in self._inputs
        }
        feed = {
            name: parts[0] if len(parts) == 1 else np.concatenate(parts)
            for name, parts in batches.items()
        }
        if "lengths" in feed:
            # Triton's batches are [batch, 1].
            feed["lengths"] = feed["lengths"].ravel()
        (contexts,) = self._session.run(["contexts"], feed)
        responses = []
        start = 0
        for queries in batches["queries"]:
            rows = contexts[start : start + len(queries)]
            start += len(queries)
            responses.append(
                triton.InferenceResponse(
                    [triton.Tensor.from_dlpack("contexts", rows)]
                )
            )
        return responses
