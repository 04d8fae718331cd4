"""The peer's side of `similarity.py`, in an environment of its own: one line of JSON for each line it reads.

The line names a task; the data lie as .npy files in the folder of the first argument. Unbiased CKA, which netrep
doesn't have, is its definition with n x n Gram matrices in NumPy: once with the product of the two as it is written,
once with sums of theirs, which give the same.
"""

import contextlib
import functools
import io
import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np
from netrep.conv_layers import convolve_metric
from netrep.metrics import LinearMetric

METRIC = {"alpha": 1.0, "score_method": "angular"}


def all_pairs(networks: np.ndarray) -> list[float]:
    """Measure the angle between all pairs, as `pairwise_distances` does, without its processes and their pickles."""
    metric = LinearMetric(**METRIC)
    return [float(metric.fit_score(one, other)) for one, other in itertools.combinations(networks, 2)]


def shift_map(layers: np.ndarray) -> list[float]:
    """Measure the angle under every shift."""
    with contextlib.redirect_stderr(io.StringIO()):
        return convolve_metric(LinearMetric(**METRIC), *layers).ravel().tolist()


def unbiased_cka(clouds: np.ndarray, *, product: bool) -> list[float]:
    """Measure unbiased linear CKA by its definition."""
    grams = [rows @ rows.T for rows in clouds]
    for gram in grams:
        np.fill_diagonal(gram, 0.0)
    (k, kernel), n = grams, clouds.shape[1]

    def hsic(one: np.ndarray, other: np.ndarray) -> float:
        sums = one.sum(axis=0), other.sum(axis=0)
        inner = np.einsum("ij,ij->", one, other)
        through = (one @ other).sum() if product else sums[0] @ sums[1]
        return float(
            (inner + sums[0].sum() * sums[1].sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * through) / (n * (n - 3))
        )

    return [hsic(k, kernel) / np.sqrt(hsic(k, k) * hsic(kernel, kernel))]


TASKS = {
    "networks": all_pairs,
    "wide": all_pairs,
    "maps": shift_map,
    "rows": functools.partial(unbiased_cka, product=True),
    "sums": functools.partial(unbiased_cka, product=False),
}


def main() -> None:
    folder = Path(sys.argv[1])
    for line in sys.stdin:
        task, *warm_up = line.split()
        data = np.load(folder / f"{task.replace('sums', 'rows')}.npy")
        data = data[:2, :500] if warm_up else data
        start = time.process_time()
        values = TASKS[task](data)
        seconds = time.process_time() - start
        print(json.dumps({"seconds": seconds, "values": values}), flush=True)


if __name__ == "__main__":
    main()
