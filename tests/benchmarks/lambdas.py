"""What a cold start imports: each function's module, in a Python of its own, beside boto3 alone."""

from __future__ import annotations

import subprocess
import sys

from tests.benchmarks.figures import Figure

FUNCTIONS = ("submit", "status", "worker", "text_to_image", "glb_to_vox")
ROUNDS = 7
AIM = 1.3
_PROGRAM = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def measure() -> list[Figure]:
    """Ratios of the least times of some rounds, in which each has its turn."""
    modules = ("boto3", *(f"meshtwin.minecraft.lambdas.{name}" for name in FUNCTIONS))
    for module in modules:
        _seconds(module)  # compiled and in the file cache, as it would be in an image
    rounds = [{module: _seconds(module) for module in modules} for _ in range(ROUNDS)]
    least = {module: min(taken[module] for taken in rounds) for module in modules}
    own = [Figure("boto3", 1000 * least["boto3"], "ms", note="what the ratios are to")]
    return own + [
        Figure(
            name,
            least[f"meshtwin.minecraft.lambdas.{name}"] / least["boto3"],
            "x boto3",
            AIM,
            f"{1000 * least[f'meshtwin.minecraft.lambdas.{name}']:.0f} ms",
        )
        for name in FUNCTIONS
    ]


def _seconds(module: str) -> float:
    told = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(module)], capture_output=True, text=True, check=True
    )
    return float(told.stdout)
