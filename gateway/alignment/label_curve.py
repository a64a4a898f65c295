"""HedgeTune: where the reward stops paying, from votes by rank (arXiv:2506.19248).

u in [0, 1] is the quantile of an answer's reward among all that the model could give, and y(u) the
share of good ones at u. Best-of-n shows u with density n u^(n-1), so its label rate is
V(n) = E[y(u)], and V'(n) = E[y(u) (1/n + log u)]: HedgeTune looks for its root.

u itself is never seen, only the rank k among m. Given k, u is Beta(k, m-k+1), and

    E[u^j | k, m] = k (k+1) .. (k+j-1) / ((m+1) (m+2) .. (m+j)).

With y(u) = sum c_j u^j the rate of good answers at each rank is linear in c, with no error from the
coarse ranks: (k - 1/2)/m in the place of u would blunt the curve at its end, where it matters.
Then V(n) = sum c_j n/(n+j) and V'(n) = sum c_j j/(n+j)^2, exactly. m ranks say nothing of a
polynomial of degree m or more, and V(n) beyond n = m rests on the form of y(u).
"""

from typing import Final

import numpy as np

from gateway.alignment.interval import Floats
from gateway.alignment.rank_policies import RankRates

DEGREE: Final = 3
_QUADRATIC = 2
_CRITICAL = 3.84  # of chi-square with one degree of freedom, at 5 %
_NODES = 96
_POWERS = np.arange(DEGREE + 1)


def fitted(rates: RankRates) -> Floats:
    """The coefficients c_0 .. c_3 of y(u), by least squares weighted with what each rate rests on.

    c_3 is 0 but where a cubic fits clearly better than a quadratic, and there are four ranks.
    """
    quadratic, misfit = _least_squares(rates, _QUADRATIC)
    if rates.sizes.max(initial=0) > DEGREE:
        cubic, smaller_misfit = _least_squares(rates, DEGREE)
        if misfit - smaller_misfit > _CRITICAL:
            return cubic
    return np.append(quadratic, 0.0)


def _least_squares(rates: RankRates, degree: int) -> tuple[Floats, float]:
    """The coefficients, and the weighted sum of squared residuals: chi-square, if that is y(u)."""
    mean = float(np.average(rates.rates, weights=rates.effective))
    # The variance is that of the mean rate: few votes give rates of 0 or 1, which have none.
    scale = np.sqrt(rates.effective / max(mean * (1 - mean), 1e-4))
    design = rank_moments(rates.ranks, rates.sizes, degree) * scale[:, None]
    target = rates.rates * scale
    curve = np.asarray(np.linalg.lstsq(design, target, rcond=None)[0], dtype=np.float64)
    return curve, float(((target - design @ curve) ** 2).sum())


def rank_moments(ranks: Floats, sizes: Floats, up_to: int = DEGREE) -> Floats:
    """[ranks, 1 + up_to]: E[u^j], from j = 0, of the answer of rank k of m."""
    steps = [(ranks + j) / (sizes + 1 + j) for j in range(up_to)]
    return np.stack([np.ones_like(ranks), *np.cumprod(steps, axis=0)], axis=1)


def best_of_n_moments(n: Floats) -> Floats:
    """[n, 4]: E[u^j] of best-of-n. Times c it is V(n)."""
    return n[:, None] / (n[:, None] + _POWERS)


def best_of_n_slopes(n: Floats) -> Floats:
    """[n, 4]: times c it is V'(n), whose root HedgeTune looks for."""
    return _POWERS / (n[:, None] + _POWERS) ** 2


def best_of_poisson_moments(mean: Floats) -> Floats:
    """[mean, 4]: E[u^j] of the best of 1 + Poisson(mean). Times c it is the label rate.

    Its density at u is (mean u + 1) exp(mean (u - 1)), so that HedgeTune's root there is that of
    E[y(u) (u / (mean u + 1) + u - 1)].
    """
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    u, mu = (nodes + 1) / 2, mean[:, None]
    density = (mu * u + 1) * np.exp(mu * (u - 1)) * weights / 2
    return density @ u[:, None] ** _POWERS
