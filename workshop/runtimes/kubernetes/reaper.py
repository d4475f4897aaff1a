"""Ends a class whose gateway is gone. Runs in the cluster, by itself: the standard library, nothing of this package.

A CronJob starts it at the class's end and the grace after it. It reads when the class ends now (the instructor may
have extended it), moves the CronJob's time if that is later, leaves alone a class whose gateway is at work, and else
removes what the class is made of: its namespace where that is its own, or the room's Secret, which owns the rest.
"""

import base64
import datetime
import json
import os
import ssl
import urllib.error
import urllib.request
from typing import Any

Json = dict[str, Any]

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/"
GIVE_UP_ON_GATEWAY = 3600
"""Seconds past the end after which even a gateway that looks alive is not waited for."""


def call(method: str, path: str, body: Json | None = None, content_type: str = "application/json") -> Json | None:
    """One request to the API server with the pod's own account; None for 404."""
    with open(ACCOUNT + "token") as file:
        token = file.read()
    server = os.environ["KUBERNETES_SERVICE_HOST"]
    host = f"[{server}]" if ":" in server else server
    request = urllib.request.Request(
        f"https://{host}:{os.environ['KUBERNETES_SERVICE_PORT']}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": "Bearer " + token, "Content-Type": content_type},
    )
    try:
        context = ssl.create_default_context(cafile=ACCOUNT + "ca.crt")
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:
            document: Json = json.load(answer)
            return document
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def decoded(secret: Json, key: str) -> Json:
    document: Json = json.loads(base64.b64decode(secret["data"][key]))
    return document


def end_of_class(namespace: str, base: str) -> datetime.datetime | None:
    """When the class is to be over, grace included; None when it has no end."""
    room = call("GET", f"/api/v1/namespaces/{namespace}/secrets/{base}-room")
    if room is None:
        raise SystemExit("the class is gone already")
    record = decoded(room, "room.json")
    end = record.get("ends")
    claims = call("GET", f"/api/v1/namespaces/{namespace}/secrets/{base}-claims")
    if claims and "state.json" in claims.get("data", {}):
        state = decoded(claims, "state.json").get(record["uid"], {}).get("state", {})
        if state.get("ends"):
            end = state["ends"]["at"] if isinstance(state["ends"], dict) else state["ends"]
    if not end:
        return None
    return datetime.datetime.fromisoformat(end) + datetime.timedelta(seconds=int(os.environ["GRACE_SECONDS"]))


def gateway_at_work(namespace: str, base: str) -> bool:
    gateway = call("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/{base}-gateway")
    return bool(gateway and gateway.get("status", {}).get("readyReplicas"))


def schedule(moment: datetime.datetime) -> str:
    return f"{moment.minute} {moment.hour} {moment.day} {moment.month} *"


def main() -> None:
    namespace, base, own = os.environ["NAMESPACE"], os.environ["BASE"], os.environ["OWN_NAMESPACE"] == "yes"
    now = datetime.datetime.now(datetime.UTC)
    end = end_of_class(namespace, base)
    again = None
    if end is None:
        again = now + datetime.timedelta(hours=12)
    elif end - now > datetime.timedelta(seconds=30):
        again = end.astimezone(datetime.UTC)
    elif (now - end).total_seconds() < GIVE_UP_ON_GATEWAY and gateway_at_work(namespace, base):
        again = now + datetime.timedelta(minutes=10)
    if again is not None:
        again += datetime.timedelta(minutes=1)
        body = {"spec": {"schedule": schedule(again)}}
        path = f"/apis/batch/v1/namespaces/{namespace}/cronjobs/{base}-end"
        call("PATCH", path, body, "application/merge-patch+json")
        print("not yet; again at", again.isoformat(), flush=True)
        return
    print("the class is over and its gateway is gone: removing it", flush=True)
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
    if own:
        call("DELETE", f"/api/v1/namespaces/{namespace}", options)
    else:
        call("DELETE", f"/api/v1/namespaces/{namespace}/secrets/{base}-room", options)


if __name__ == "__main__":
    main()
