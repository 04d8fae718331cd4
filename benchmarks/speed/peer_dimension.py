"""The peers' side of `dimension.py`, in an environment of their own: one line of JSON for each line it reads.

The line names a task and a file of points (.npy).
"""

import contextlib
import json
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np


def family(rows: np.ndarray) -> list[float]:
    """Estimate by scikit-dimension's estimators from nearest neighbours, one after another."""
    from skdim import id as estimators

    return [
        estimators.TwoNN().fit(rows).dimension_,
        *estimators.GRIDE(multiscale=True).fit(rows).dimension_scales_,
        estimators.MLE().fit(rows, n_neighbors=20, comb="mle").dimension_,
        estimators.MOM().fit(rows).dimension_,
        estimators.MADA().fit(rows).dimension_,
        estimators.CorrInt().fit(rows).dimension_,
        estimators.MiND_ML(ver="MLi", D=60).fit(rows).dimension_,
    ]


def skewness(rows: np.ndarray) -> list[float]:
    """Estimate around each point by scikit-dimension's expected simplex skewness, with 100 neighbours."""
    from skdim import id as estimators

    return estimators.ESS().fit(rows).dimension_pw_.tolist()


def two_nn(rows: np.ndarray) -> list[float]:
    """Estimate by DADApy from the two nearest neighbours."""
    from dadapy import Data

    data = Data(rows, verbose=False, n_jobs=1)
    data.compute_distances(maxk=2)
    return [float(data.compute_id_2NN(algorithm="base")[0])]


TASKS: dict[str, Callable[[np.ndarray], list[float]]] = {"family": family, "skewness": skewness, "two_nn": two_nn}


def main() -> None:
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        task, file = line.split(maxsplit=1)
        rows = np.load(file.strip())
        with contextlib.redirect_stdout(sys.stderr):
            start = time.process_time()
            values = [float(value) for value in TASKS[task](rows)]
            seconds = time.process_time() - start
        print(json.dumps({"seconds": seconds, "values": values}), flush=True)


if __name__ == "__main__":
    main()
