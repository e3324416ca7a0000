#!/usr/bin/env python3
"""Writes modules/impact/tests/figures.csv: what SciPy and statsmodels say of several hundred tables of two groups.

    python3 -m venv venv && venv/bin/pip install scipy==1.17.1 statsmodels==0.15.0
    venv/bin/python scripts/impact-figures.py > modules/impact/tests/figures.csv
"""
import random
import warnings

import scipy
import statsmodels
from scipy.stats import fisher_exact
from statsmodels.stats.proportion import proportions_ztest

warnings.simplefilter("ignore")
random.seed(144)
tables = {(a, n, b, m) for n in range(1, 5) for m in (1, 3, 6) for a in range(n + 1) for b in range(m + 1)}
while len(tables) < 500:
    n, m = (random.choice([1, 2, 5, 9, 20, 60, 250, 1000, 20000]) for _ in range(2))
    rate = random.random()
    a, b = (sum(random.random() < rate * random.uniform(0.6, 1) for _ in range(size)) for size in (n, m))
    tables.add((random.choice([0, a, a, a, n]), n, b, m))
print(f"# scipy {scipy.__version__}, statsmodels {statsmodels.__version__}; made by scripts/impact-figures.py")
print("chosen_a,people_a,chosen_b,people_b,fisher_p,z,z_p")
for a, n, b, m in sorted(tables):
    p = fisher_exact([[a, n - a], [b, m - b]])[1]
    z, z_p = proportions_ztest([a, b], [n, m])
    print(a, n, b, m, *(repr(float(figure)) for figure in (p, z, z_p)), sep=",")
