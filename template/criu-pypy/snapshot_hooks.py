"""What a function does around a snapshot of its process.

    from snapshot_hooks import before_checkpoint, after_restore

    @before_checkpoint
    def close_pool():
        POOL.disconnect()

The process also lives on after a checkpoint, so whatever a before_checkpoint
hook closes must be opened again on demand, not only in an after_restore hook.
Hooks run in the order in which they were registered. One that raises stops
the round: the checkpoint is cancelled, or the restored process is discarded.
"""
import gc
import os
import random
import sys

_before = []
_after = []


def before_checkpoint(hook):
    """Registers HOOK, called without arguments before the process is dumped."""
    _before.append(hook)
    return hook


def after_restore(hook):
    """Registers HOOK, called without arguments in every restored process
    before its first request."""
    _after.append(hook)
    return hook


def run_before_checkpoint(held=False):
    """Runs the user's hooks, then collects garbage so that the snapshot
    neither stores dead objects nor owes a collection to its first requests.
    While a request is HELD up by the checkpoint there is no time for that."""
    for hook in _before:
        hook()
    if not held:
        gc.collect()


def run_after_restore():
    """Makes the random sources of this restore its own, then runs the user's
    hooks, which may already want random numbers."""
    _reseed()
    for hook in _after:
        hook()


def random_is_kept():
    """True when the operator wants restores to repeat the snapshot's random
    numbers, as the published evaluation does."""
    return os.environ.get("snapshot_keep_random", "").lower() in ("true", "1")


def _reseed():
    # os.urandom, and with it uuid4, secrets and SystemRandom, asks the kernel
    # every time and needs nothing.
    if "ssl" in sys.modules:
        sys.modules["ssl"].RAND_add(os.urandom(32), 32.0)
    if not random_is_kept():
        random.seed(os.urandom(32))
