"""The same work as `statistics.rs` by chainladder, statsmodels and numpy (pip install chainladder statsmodels)."""

import time
import warnings

import chainladder as cl
import numpy as np
import statsmodels.api as sm

warnings.filterwarnings("ignore")
RUNS = 3


def report(name, work):
    times, processor = [], []
    for _ in range(RUNS):
        start, before = time.perf_counter(), time.process_time()
        work()
        times.append(time.perf_counter() - start)
        processor.append(time.process_time() - before)
    print(f"{name}: {sorted(times)[RUNS // 2]:.4f} s, {sorted(processor)[RUNS // 2]:.4f} s of processor")


genins = cl.load_sample("genins")
report("chainladder, Mack on GenIns", lambda: cl.MackChainladder().fit(genins))


def bootstrap():
    # Triangles drawn anew, and the reserve of each, as ours: drawing them alone gives no reserve.
    drawn = cl.BootstrapODPSample(n_sims=10_000, random_state=1).fit_transform(genins)
    return cl.Chainladder().fit(drawn).ibnr_


report("chainladder, bootstrap of GenIns, 10,000, with reserves", bootstrap)

random = np.random.default_rng(1)
x = np.column_stack([np.ones(1_000_000), random.random((1_000_000, 19)) - 0.5])
y = random.poisson(np.exp(x @ ((np.arange(20) - 9.5) / 20)))
report("statsmodels, Poisson 1,000,000 x 20", lambda: sm.GLM(y, x, family=sm.families.Poisson()).fit())
