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
    if held:
        return
    gc.collect()
    if _overwrite_free_memory():
        gc.collect()
    _give_memory_back()


# A list of so many numbers is about the largest object that is no object of
# its own for malloc; it takes so many bytes, with what refers to it.
_LENGTH = 32
_BYTES = 320

# With more free memory the time is worth more than the bytes.
_LIMIT = 64 << 20


def _overwrite_free_memory():
    """Fills what is free in PyPy's arenas with lists of zeros. What was there
    is garbage, different in every snapshot, which would be stored each time.
    The lists are garbage when this returns, so True asks for a collection."""
    try:
        stats = gc.get_stats()._s
        free = stats.total_allocated_memory - stats.total_gc_memory
    except AttributeError:
        return False  # not PyPy, or another one
    fill = [[0] * _LENGTH for _ in range(min(free, _LIMIT) // _BYTES)]
    return len(fill) > 0


def _give_memory_back():
    """Makes malloc return what is free, wherever it lies. The import takes
    some 20 ms, once in a lineage."""
    try:
        import ctypes
        trim = ctypes.CDLL(None).malloc_trim
    except (ImportError, OSError, AttributeError):
        return  # another C library
    trim(0)


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
