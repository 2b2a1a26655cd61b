"""Schedules, loss weightings, timesteps, guidance, constraints and samplers around one call: `(x_t, t) -> x0_hat`."""
