"""The learning rate schedule: a pure function of the config and the step number."""

import math

from slomo_batch.training.config import TrainingConfig


def learning_rate(config: TrainingConfig, step: int) -> float:
    """Return the learning rate: linear warm-up, then cosine decay, or a tenth at each of the config's `falls`."""
    if step < config.warm_up_steps:
        return config.learning_rate * (step + 1) / config.warm_up_steps
    if config.falls:
        return float(config.learning_rate * 0.1 ** sum(step >= share * config.steps for share in config.falls))
    done = (step - config.warm_up_steps) / max(1, config.steps - config.warm_up_steps)
    fall = (1 + math.cos(math.pi * min(1.0, done))) / 2
    return config.learning_rate * (config.last_share + (1 - config.last_share) * fall)
