"""The peer's side of `tails.py`, in an environment of its own: one line of JSON for each line it reads."""

import contextlib
import io
import json
import logging
import sys
import time
import warnings

import numpy as np
import powerlaw


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        asked = json.loads(line)
        values = np.asarray(asked["values"])
        bounds = None if asked["within"] is None else tuple(asked["within"])
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            start = time.perf_counter()
            fit = powerlaw.Fit(values, xmin=bounds, xmin_distribution="truncated_power_law", verbose=False)
            law = fit.truncated_power_law
            seconds = time.perf_counter() - start
            likelihood = float(np.sum(law.loglikelihoods(fit.data)))
        answer = {"b": law.alpha, "rate": law.Lambda, "xmin": fit.xmin, "distance": law.D, "likelihood": likelihood}
        print(json.dumps({"seconds": seconds, **{name: float(value) for name, value in answer.items()}}), flush=True)


if __name__ == "__main__":
    main()
