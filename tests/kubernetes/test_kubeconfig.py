"""Kubeconfig files: what is read from them is what kubectl would go by, with a plugin and without."""

from __future__ import annotations

import base64
import json
import os
import ssl
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from workshop.errors import RuntimeUnreachable
from workshop.runtimes.kubernetes import access
from workshop.runtimes.kubernetes.access import Access, find_access, kubeconfig_access


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A certificate and its key."""
    folder = tmp_path_factory.mktemp("pems")
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=ada"]
    subprocess.run(
        [*words, "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True
    )
    return (folder / "cert.pem").read_bytes(), (folder / "key.pem").read_bytes()


def config(user: dict[str, Any], *, current: str = "one", name: str = "one", **cluster: Any) -> dict[str, Any]:
    cluster = {"server": f"https://{name}.example.org:6443/"} | cluster
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": current,
        "contexts": [{"name": name, "context": {"cluster": f"c-{name}", "user": f"u-{name}", "namespace": "team"}}],
        "clusters": [{"name": f"c-{name}", "cluster": cluster}],
        "users": [{"name": f"u-{name}", "user": user}],
    }


def written(folder: Path, document: Any, file: str = "config") -> str:
    folder.mkdir(exist_ok=True)
    (folder / file).write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return str(folder / file)


async def header(found: Access) -> str:
    return (await found.headers()).get("Authorization", "")


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"token": "abc"}, "Bearer abc"),
        ({"username": "ada", "password": "x:y"}, "Basic " + base64.b64encode(b"ada:x:y").decode()),
        ({}, ""),
    ],
)
async def test_credentials_in_the_file_are_those_that_the_kubernetes_package_reads(
    tmp_path: Path, user: dict[str, Any], expected: str
) -> None:
    file = written(
        tmp_path, config(user, **{"insecure-skip-tls-verify": True, "tls-server-name": "api", "proxy-url": "http://p"})
    )
    found = kubeconfig_access(file, "")
    assert (found.context, found.namespace, found.tls_server_name, found.proxy) == ("one", "team", "api", "http://p")
    assert await header(found) == expected
    assert found.tls is not None
    assert (found.tls.verify_mode, found.tls.check_hostname) == (ssl.CERT_NONE, False)

    from kubernetes import client
    from kubernetes.config import kube_config

    theirs = client.Configuration()
    kube_config.load_kube_config(config_file=file, client_configuration=theirs)
    assert (found.server, found.tls_server_name) == (theirs.host, theirs.tls_server_name)
    token = theirs.get_api_key_with_prefix("BearerToken") or theirs.get_api_key_with_prefix("authorization")
    assert (token or (theirs.get_basic_auth_token() if theirs.username else "")) == expected


async def test_certificates_are_read_beside_the_file_or_from_it_and_leave_no_copy(
    tmp_path: Path, pems: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    certificate, key = pems
    (tmp_path / "pki").mkdir()
    (tmp_path / "pki" / "cert.pem").write_bytes(certificate)
    named = config(
        {"client-certificate": "pki/cert.pem", "client-key-data": base64.b64encode(key).decode()},
        **{"certificate-authority": "pki/cert.pem"},
    )
    inside = config(
        {
            f"client-{kind}-data": base64.b64encode(pem).decode()
            for kind, pem in (("certificate", certificate), ("key", key))
        },
        **{"certificate-authority-data": base64.b64encode(certificate).decode()},
    )
    for number, document in enumerate((named, inside)):
        found = kubeconfig_access(written(tmp_path, document, f"config-{number}"), "")
        assert found.tls is not None
        (authority,) = found.tls.get_ca_certs()
        assert (("commonName", "ada"),) in authority["subject"]
        assert (found.tls.verify_mode, await header(found)) == (ssl.CERT_REQUIRED, "")
    assert list(temporary.iterdir()) == [], "no key stays in a temporary folder"


def test_of_several_files_the_first_that_says_something_wins(tmp_path: Path) -> None:
    first, second, third = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    files = [
        written(first, config({"token": "1"}, current="", name="one")),
        written(second, config({"token": "2"}, current="two", name="two")),
        written(third, config({"token": "3"}, current="three", name="three") | config({"token": "4"}, name="one")),
        str(tmp_path / "not-there"),
    ]
    together = os.pathsep.join(files)
    assert kubeconfig_access(together, "").context == "two", "as kubectl: the first file with a current context"
    one = kubeconfig_access(together, "one")
    assert one.server == "https://one.example.org:6443"
    with pytest.raises(RuntimeUnreachable, match="no context 'four'") as raised:
        kubeconfig_access(together, "four")
    assert raised.value.hint == "It has: one, two."


async def test_a_tokens_file_is_read_again_when_the_server_refused_it(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old\n")
    found = kubeconfig_access(written(tmp_path, config({"tokenFile": "token", "token": "never"})), "")
    assert await header(found) == "Bearer old"
    token.write_text("new\n")
    found.forget_token()
    assert await header(found) == "Bearer new"
    token.unlink()
    found.forget_token()
    with pytest.raises(RuntimeUnreachable, match="credentials of one"):
        await found.headers()


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("- a list", "is no kubeconfig"),
        ("a: [b", "config"),
        ({"contexts": []}, "no current context"),
        ({"current-context": "x", "contexts": "x"}, "contexts is no list"),
        ({"current-context": "x", "contexts": [{"name": "x", "context": {"cluster": "gone"}}]}, "no cluster"),
        (config({"client-certificate-data": "%%%"}), "client-certificate"),
        (config({"client-certificate": "gone.pem"}), "gone.pem"),
        (config({"client-certificate-data": base64.b64encode(b"no certificate").decode()}), "PEM"),
        (config({}, **{"certificate-authority-data": base64.b64encode(b"none").decode()}), ""),
        (config({"tokenFile": "gone"}), "gone"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, document: Any, why: str) -> None:
    with pytest.raises(RuntimeUnreachable, match="could not be read") as raised:
        kubeconfig_access(written(tmp_path, document), "")
    assert why in raised.value.details[0]


# Plugins

PLUGIN = """#!{python}
import json, pathlib
calls = pathlib.Path({calls!r})
number = int(calls.read_text()) + 1 if calls.exists() else 1
calls.write_text(str(number))
status = {{"token": f"token-{{number}}", "expirationTimestamp": "2020-01-01T00:00:00Z"}}
print(json.dumps({{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}}))
"""


async def test_a_plugin_gives_the_token_and_is_asked_again(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text(PLUGIN.format(python=sys.executable, calls=str(tmp_path / "calls")))
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    user = {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}
    }
    first = written(tmp_path / "a", config({"token": "not this"}, current="", name="other"))
    found = kubeconfig_access(os.pathsep.join((first, written(tmp_path, config(user)))), "")
    assert (found.context, found.server) == ("one", "https://one.example.org:6443")
    one = await header(found)
    assert one.startswith("Bearer token-")
    found.forget_token()
    assert await header(found) != one


async def test_a_plugin_that_fails_is_said(tmp_path: Path) -> None:
    user = {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/false", "interactiveMode": "Never"}
    }
    with pytest.raises(RuntimeUnreachable, match="could not be read") as raised:
        kubeconfig_access(written(tmp_path, config(user)), "")
    assert raised.value.details == ("its plugin gave none: /bin/false",)


def test_without_a_plugin_the_kubernetes_package_is_not_loaded(tmp_path: Path) -> None:
    file = written(tmp_path, config({"token": "abc"}))
    statement = (
        "import sys, json; from workshop.runtimes.kubernetes.access import find_access; "
        f"find_access('', {file!r}); print(json.dumps('kubernetes' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", statement], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) is False


# In a pod


async def test_in_a_pod_the_pods_own_account_is_used(
    tmp_path: Path, pems: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("pod-token\n")
    (tmp_path / "ca.crt").write_bytes(pems[0])
    (tmp_path / "namespace").write_text("class")
    monkeypatch.setattr(access, "ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    found = find_access()
    assert (found.server, found.namespace, found.inside) == ("https://[fd00::1]:443", "class", True)
    assert await header(found) == "Bearer pod-token"
