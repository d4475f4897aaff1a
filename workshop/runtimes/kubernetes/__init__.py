"""Seats on a Kubernetes cluster: the same workshop, the same verbs, 10 to 1,000 seats in one namespace."""

from workshop.runtimes.kubernetes.runtime import KubernetesRuntime

__all__ = ["KubernetesRuntime"]
