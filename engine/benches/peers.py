"""The same work as `speed.rs` in numpy: a vector a payment, or a vector a quantity."""

import pathlib
import time

import numpy as np

DATA = pathlib.Path(__file__).parent.parent / "data" / "mortality"
RUNS = 5


def survivors(name):
    lines = (DATA / name).read_text().split()[1:]
    lx = np.array([float(line.split(",")[1]) for line in lines])
    return np.concatenate([lx, np.zeros(160)])


def at(lx, age):
    whole = age.astype(np.int64)
    part = age - whole
    return lx[whole] + part * (lx[whole + 1] - lx[whole])


def annuities(lx):
    index = np.arange(100_000)
    age, rate, term = 40 + index % 450 / 10, 0.005 + index % 36 / 1000, 10 + index % 31
    total = np.zeros(len(index))
    v = (1 + rate) ** (-1 / 12)
    discount = np.ones(len(index))
    for payment in range(12 * 40):
        time_ = payment / 12
        total += np.where(time_ < term - 1e-9, discount * at(lx, age + time_), 0.0)
        discount *= v
    return (total / at(lx, age) / 12).sum()


def indemnities(men, women, count=1_000_000):
    index = np.arange(count)
    age = 22 + index % 4200 / 100
    left = np.maximum(64 - age, 0)
    served = 2 + index % 2000 / 100
    salary = 24_000 + index % 997 * 40.0
    seniority = served + left
    months = np.select([seniority >= 30, seniority >= 20, seniority >= 15, seniority >= 10], [2, 1.5, 1, 0.5], 0.0)
    benefit = months * salary / 12 * 1.02**left * 1.42
    survival = np.where(index % 2 == 0, at(men, age + left) / at(men, age), at(women, age + left) / at(women, age))
    turnover = 0.94 ** np.clip(40 - age, 0, None) * 0.98 ** np.clip(55 - np.maximum(age, 40), 0, None)
    return (benefit * survival * turnover * 1.034**-left * served / seniority).sum()


def scenarios(count=100_000, months=480):
    random = np.random.default_rng(1)
    rate, fund = np.full(count, 0.02), np.zeros(count)
    for _ in range(months):
        normals = random.standard_normal((3, count))
        short = rate / 12 + 1e-4 * normals[1]
        rate = 0.03 + (rate - 0.03) * np.exp(-0.2 / 12) + 0.01 / 12**0.5 * normals[0]
        over = np.exp(-0.16**2 / 24 + 0.16 / 12**0.5 * normals[2])
        fund = (fund + 100) * np.exp(short) * (1 + 0.6 * (over - 1))
    return np.quantile(fund, [0.05, 0.5, 0.95])


def report(name, work):
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    print(f"numpy, {name}: {sorted(times)[RUNS // 2]:.4f} s")


men, women = survivors("th-00-02.csv"), survivors("tf-00-02.csv")
report("100,000 annuities", lambda: annuities(men))
report("IFC of 1,000,000, simplified (no dates)", lambda: indemnities(men, women))
report("IFC sensitivities of 100,000, simplified", lambda: [indemnities(men, women, 100_000) for _ in range(10)])
report("Monte Carlo 100,000 x 480, Euler", scenarios)
