"""One answer of a server to a feed, asked for with Triton's own client."""

from __future__ import annotations

import numpy as np
import tritonclient.grpc as triton

from .feeds import Feed, Tensors

_TYPES = {"float32": "FP32", "int32": "INT32"}


def _requests(feed: Feed) -> list[Tensors]:
    """The steps in batches, as perf_analyzer sends them."""
    return [
        {
            name: np.stack([step[name] for step in steps])
            for name in feed.steps[0]
        }
        for steps in (
            feed.steps[start : start + feed.batch]
            for start in range(0, len(feed.steps), feed.batch)
        )
    ]


def contexts(address: str, feed: Feed) -> np.ndarray:
    """[tokens, embed_dim]"""
    answers = []
    with triton.InferenceServerClient(address) as client:
        for tensors in _requests(feed):
            inputs = []
            for name, tensor in tensors.items():
                kind = _TYPES[tensor.dtype.name]
                inputs.append(triton.InferInput(name, tensor.shape, kind))
                inputs[-1].set_data_from_numpy(tensor)
            result = client.infer(
                feed.model, inputs, parameters=feed.parameters or None
            )
            answers.append(result.as_numpy("contexts"))
    return feed.contexts(answers)
