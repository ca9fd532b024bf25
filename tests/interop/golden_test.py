"""NumPy's attention, which other tests expect, is PyTorch's."""

import pytest

from golden import NUM_SENTENCES, assert_close, attention, sentence


@pytest.mark.parametrize("layer", range(6))
def test_numpy_gives_what_pytorch_gives(layer: int) -> None:
    for number in range(NUM_SENTENCES):
        golden = sentence(number, layer)
        contexts, weights = attention(layer, golden.queries)
        assert_close(contexts, golden.contexts)
        assert_close(weights, golden.weights)
