"""Gao's law: what is gained and lost with the distance from the model (arXiv:2210.10760).

Best-of-n is d = sqrt(KL) away from the model it samples from, KL = log n - (n-1)/n, and the true
reward there is R(d) = d (alpha - beta d) above that of one sample. It is highest at
d = alpha / (2 beta).
"""

from collections.abc import Sequence

import numpy as np

from gateway.alignment.interval import Floats

_STEPS = 60


def distance(n: Floats) -> Floats:
    """sqrt(KL) of best-of-n, in sqrt(nats)."""
    return np.sqrt(np.maximum(np.log(n) - (n - 1) / n, 0))


def n_at(distances: Floats) -> Floats:
    """The n, not whole, at which best-of-n is that far away; the inverse of `distance`."""
    kl = distances**2
    # Newton's method for log n + 1/n - 1 = KL in log n, from above, where it can't overshoot.
    log_n = 1 + kl
    for _ in range(_STEPS):
        slope = np.maximum(1 - np.exp(-log_n), 1e-12)
        log_n = log_n - (log_n + np.exp(-log_n) - 1 - kl) / slope
    return np.exp(np.maximum(log_n, 0))


def fitted(n: Sequence[int], rates: Floats, errors: Floats) -> Floats:
    """[fits, 3]: the rate at n = 1, alpha and beta of each row of `rates`, [fits, n].

    Least squares with one over the squares of `errors`, the standard errors, as weights.
    """
    d = distance(np.array(n, dtype=np.float64))
    scale = 1 / np.maximum(errors, 1e-6)
    design = np.stack([np.ones_like(d), d, -(d**2)], axis=1) * scale[:, None]
    laws = np.linalg.lstsq(design, (rates * scale).T, rcond=None)[0].T
    return np.asarray(laws, dtype=np.float64)


def peak(laws: Floats, cap: int) -> Floats:
    """The n, at most `cap`, at which each law is highest; 1 where it only falls."""
    alpha, beta = laws[:, 1], laws[:, 2]
    turns = (alpha > 0) & (beta > 0)
    furthest = float(distance(np.array([float(cap)]))[0])
    d = np.where(turns, alpha / np.where(turns, 2 * beta, 1), np.where(alpha > 0, np.inf, 0))
    return np.minimum(n_at(np.minimum(d, furthest)), cap)
