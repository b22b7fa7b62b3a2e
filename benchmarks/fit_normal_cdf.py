"""Fits q in erf(x / √2) = tanh(x q(x²)), the float32 kernel of numpy_bert/blocks/normal_cdf.py, and prints its errors.

Wanted is the q whose largest error in erf, not in its argument, is least. An error δ of q moves tanh by
(1 - erf²) x δ; with that weight, least squares is repeated, each time giving more weight to the places where the error
is largest (Lawson's method), until the error is nearly level. mpmath gives the exact values: pip install mpmath.
"""

import mpmath
import numpy as np
from scipy.special import erf

DEGREE = 6
ROUNDS = 300

mpmath.mp.dps = 40
x = np.linspace(1e-3, 6.2, 4000)
exact = [mpmath.erf(mpmath.mpf(v) / mpmath.sqrt(2)) for v in x]
wanted = np.array([float(mpmath.atanh(e) / mpmath.mpf(v)) for e, v in zip(exact, x, strict=True)])
weight = np.array([float((1 - e * e) * mpmath.mpf(v)) for e, v in zip(exact, x, strict=True)])

powers = np.vander(x * x, DEGREE + 1)
scale = np.abs(powers).max(axis=0)
emphasis = np.ones_like(x)
best, q = np.inf, np.zeros(DEGREE + 1)
for _ in range(ROUNDS):
    w = weight * np.sqrt(emphasis)
    fitted = np.linalg.lstsq(powers / scale * w[:, None], wanted * w, rcond=None)[0] / scale
    errors = np.abs(powers @ fitted - wanted) * weight
    if errors.max() < best:
        best, q = errors.max(), fitted
    emphasis *= errors / errors.max() + 1e-3
    emphasis /= emphasis.max()

print("q, the highest power first:")
for coefficient in q:
    print(f"    {float(coefficient)!r},")
print(f"largest error of erf(x / √2), exact arithmetic: {best:.2e}")

from numpy_bert.blocks import normal_cdf  # noqa: E402 - the kernel as it stands, measured beside the new fit

points = np.linspace(-12, 12, 2_000_001).astype(np.float32)
reference = 0.5 * (1.0 + erf(points.astype(np.float64) / np.sqrt(2.0)))
print(f"largest error of the float32 kernel for Φ: {np.abs(normal_cdf.cdf(points) - reference).max():.2e}")
