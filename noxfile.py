"""Every chore of the project: `nox` lints, checks types and tests; `nox -s demo` shows it working."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2024.10"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "tests"]

ROOT = Path(__file__).parent
CONSTRAINTS = "constraints.txt"
CUDA_CONSTRAINTS = "runtime/constraints-cuda.txt"
REQUIREMENTS = [
    f"{package}/requirements.txt" for package in ("gltf", "runtime", "emulator", "minecraft", "cloud")
]
DOCKERFILES = ["runtime/Dockerfile", "emulator/Dockerfile", "minecraft/Dockerfile"]
TYPED = ["meshtwin", "fixtures", "tests", "noxfile.py"]
PARALLEL = ["--dist", "worksteal", "-n"]
BYTECODE = {"PYTHONDONTWRITEBYTECODE": ""}
"""Tests start hundreds of programs: none is to compile its sources that another has compiled."""
GROUPS = nox.project.dependency_groups
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")


def install(session: nox.Session, *groups: str) -> None:
    """Install the project and `groups` at the pinned versions, unless this environment has just them."""
    wanted = hashlib.sha256(
        b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", CONSTRAINTS, *REQUIREMENTS))
        + repr((groups, sys.version)).encode()
    ).hexdigest()
    mark = Path(session.virtualenv.location) / "meshtwin-installed"
    if mark.exists() and mark.read_text(encoding="utf-8") == wanted:
        return
    requirements = GROUPS(PROJECT, *groups) if groups else ()
    # To compile all modules takes as long as to install them; those that are used are compiled when they are.
    session.install("--quiet", "--no-compile", "-c", CONSTRAINTS, "-e", ".", *requirements)
    mark.write_text(wanted, encoding="utf-8")


def run_all(session: nox.Session, *commands: tuple[str, ...], env: dict[str, str] | None = None) -> None:
    """Run every command, whatever an earlier one says, and fail at the end with those that failed."""
    failed = []
    for command in commands:
        try:
            session.run(*command, env=env)
        except CommandFailed:
            failed.append(" ".join(command))
    if failed:
        session.error(f"{len(failed)} of {len(commands)} failed: {'; '.join(failed)}")


def compile_loops(session: nox.Session) -> None:
    """The voxel engine's loops, into numba's cache: under a test's time limit, each process would do it."""
    session.run("python", "-m", "meshtwin.minecraft.voxel.warm", env=BYTECODE)


def cuda_devices() -> str:
    """The CUDA devices of this machine, one a line, or nothing; torch need not be there to tell."""
    program = shutil.which("nvidia-smi")
    if program is not None:
        listed = subprocess.run([program, "-L"], capture_output=True, text=True, check=False)  # noqa: S603  # NVIDIA's own
        return listed.stdout.strip() if listed.returncode == 0 else ""
    return "\n".join(path.name for path in Path("/proc/driver/nvidia/gpus").glob("*"))


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and the arrows between the packages. `nox -s lint -- --fix` fixes what can be fixed."""
    # These read the code, and import none of it.
    session.install("--quiet", "-c", CONSTRAINTS, *GROUPS(PROJECT, "lint"))
    fix = "--fix" in session.posargs
    run_all(
        session,
        ("ruff", "format", *([] if fix else ["--diff"]), "."),
        ("ruff", "check", *(["--fix"] if fix else []), "."),
        ("lint-imports", "--no-logo"),
        ("hadolint", *DOCKERFILES),
    )


@nox.session
def types(session: nox.Session) -> None:
    """mypy, strict, tests too."""
    install(session, "types")
    session.run("mypy", "-n", "2", *TYPED)


@nox.session
def tests(session: nox.Session) -> None:
    """What needs Python alone; arguments go to pytest: `nox -s tests -- -k relief -x`."""
    install(session, "test")
    compile_loops(session)
    session.run(
        "pytest",
        "-m",
        "not integration and not gpu and not soak",
        # A quarter of the time a test waits for another process: three keep two cores busy.
        *(session.posargs or (*PARALLEL, "3")),
        env=BYTECODE,
    )


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """What is long by nature: hundreds of jobs, storms of kills. `-- --soak-minutes 5` for a part of it.

    What needs a Docker Engine comes last, where one answers and no limit is given.
    """
    install(session, "test")
    compile_loops(session)
    long = ("--timeout", "1200", *session.posargs)
    suites = [("pytest", "-m", "soak and not integration", *PARALLEL, "2", *long)]
    if not session.posargs and _docker_answers():
        suites.append(("pytest", "-m", "soak and integration", "-n", "0", *long))
    run_all(session, *suites, env=BYTECODE)


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Turn an image into a textured model in out/demo; `nox -s demo -- path/to/image.png` for your own."""
    install(session)
    session.run("meshtwin", "demo", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """What it costs, as ratios in one run; `-- --json` for machines, `-- relief ping` for some of it."""
    install(session, "test")
    compile_loops(session)
    session.run("python", "-m", "tests.benchmarks", *session.posargs)


@nox.session(default=False)
def parity(session: nox.Session) -> None:
    """The contract suite against a profile, and its table: `-- --profile local --write docs/parity.md`."""
    install(session, "test")
    session.run("python", "-m", "tests.support.parity", *session.posargs, env=dict(os.environ))


@nox.session(default=False)
def integration(session: nox.Session) -> None:
    """What needs a Docker Engine, npm or other clients: images, LocalStack, kills; fails without one."""
    if not _docker_answers():
        session.error("no Docker Engine answers `docker version`: start one, or set DOCKER_HOST")
    install(session, "test")
    compile_loops(session)
    # What testcontainers' reaper would do at the end is done here, and is an error; it needs no image.
    ryuk = "TESTCONTAINERS_RYUK_DISABLED"
    env = {**BYTECODE, ryuk: os.environ.get(ryuk, "true")}
    before = str(Path(session.create_tmp()) / "engine.json")
    session.run("python", "-m", "tests.support.leftovers", "--note", before)
    suites: list[tuple[str, ...]] = [
        ("pytest", "-m", "integration and not soak", *(session.posargs or ("-n", "2", "--dist", "loadfile")))
    ]
    if not session.posargs:
        local = ("--profile", "local", "-n", "0", "--timeout", "300")
        suites.append(("pytest", "tests/contract", "-m", "not soak", *local))
    try:
        run_all(session, *suites, env=env)
    finally:
        session.run("python", "-m", "tests.support.leftovers", "--since", before)


def _docker_answers() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, "version"], capture_output=True, check=False).returncode == 0  # noqa: S603  # nobody's input


PEERS = {
    "amulet": ["amulet-core==1.9.50", "numpy==1.26.4"],
    "litemapy": ["litemapy==0.11.0b0", "nbtlib==2.0.4"],
    "nbtlib": ["nbtlib==2.0.4"],
    "midvoxio": ["midvoxio==0.1.6", "matplotlib==3.11.2"],
    "schematicjs": [],
}
"""Other programs that read our schematics, each in an environment of its own: they exclude each other.

amulet-core's first installation compiles LevelDB, which needs a C++ compiler and takes minutes.
"""

SCHEMATICJS = "@enginehub/schematicjs@0.10.0"


@nox.session(default=False)
@nox.parametrize("peer", list(PEERS), ids=list(PEERS))
def peers(session: nox.Session, peer: str) -> None:
    """Other programs read the schematics that we write, block for block: `nox -s "peers(amulet)"` for one."""
    pinned = any(requirement.startswith("numpy") for requirement in PEERS[peer])
    session.install("--quiet", "pytest", *PEERS[peer], *([] if pinned else ["-c", CONSTRAINTS, "numpy"]))
    scratch = str(Path(session.create_tmp()).resolve())
    env = {f"{kind}_DIR": scratch for kind in ("CACHE", "CONFIG", "DATA", "LOG")}  # amulet's
    if peer == "schematicjs":
        if shutil.which("npm") is None:
            session.skip("no npm on this machine: it installs the reader")
        session.run("npm", "install", "--silent", "--prefix", scratch, SCHEMATICJS, external=True)
        env["MESHTWIN_NODE_MODULES"] = scratch
    checks = f"tests/peers/check_{peer}.py"
    session.run("pytest", "-c", "tests/peers/pytest.ini", checks, *session.posargs, env=env)


@nox.session(default=False)
def mecha(session: nox.Session) -> None:
    """The commands we write, read by mecha in an environment of its own."""
    session.install("--quiet", "mecha==0.101.0", "beet==0.112.2", "pytest")
    path = {"PYTHONPATH": str(ROOT)}
    config = ("-c", "tests/peers/pytest.ini", "--rootdir", "tests/peers")
    session.run("pytest", *config, "tests/peers/check_commands.py", *session.posargs, env=path)


@nox.session(default=False)
def gpu(session: nox.Session) -> None:
    """The tests marked gpu, on a machine with CUDA; says so where there is none."""
    devices = cuda_devices()
    if not devices:
        session.log("There is no CUDA device on this machine: nothing was run.")
        return
    session.log(devices)
    session.install("--quiet", "-c", CONSTRAINTS, "-e", ".[gpu]", *GROUPS(PROJECT, "test"))
    # No test at all is a failure here: pytest then ends with 5.
    session.run(
        "pytest", "-m", "gpu", "-n", "0", "tests/gpu", "tests/e2e/test_runtime_torch.py", *session.posargs
    )


@nox.session(default=False)
def deploy(session: nox.Session) -> None:
    """The endpoint on AWS, with the account of the environment: creates it, waits, and tells how it is."""
    install(session)
    session.run("meshtwin", "up", "--profile", "sagemaker", "--keep", *session.posargs, env=dict(os.environ))


@nox.session(default=False)
def constraints(session: nox.Session) -> None:
    """Resolve every version anew into constraints.txt, and those of the cuda image to match."""
    session.install("--quiet", "uv")
    compile_ = ("uv", "pip", "compile", "--python-version", "3.11", "--upgrade", "--quiet", "--system-certs")
    header = ("--custom-compile-command", "nox -s constraints")
    session.run(
        *(
            *compile_,
            "pyproject.toml",
            "minecraft/requirements-image.txt",
            "--group",
            "lint",
            "--group",
            "types",
        ),
        *("--universal", *header, "-o", CONSTRAINTS),
    )
    # The cuda image pins trimesh to upstream's version; the tests' second opinion is the newest.
    shared = [
        line for line in Path(CONSTRAINTS).read_text(encoding="utf-8").splitlines() if "trimesh==" not in line
    ]
    limits = Path(session.create_tmp()) / "shared.txt"
    limits.write_text("\n".join(shared), encoding="utf-8")
    session.run(
        *(
            *compile_,
            "gltf/requirements.txt",
            "runtime/requirements.txt",
            "runtime/requirements-cuda.txt",
            "-c",
            str(limits),
        ),
        *("--python-platform", "x86_64-manylinux_2_39", "--no-annotate", *header, "-o", CUDA_CONSTRAINTS),
    )
