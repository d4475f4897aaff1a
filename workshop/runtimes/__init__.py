"""Where seats run: Docker, Kubernetes, plain processes, and a fake for tests. `registry` loads one of them."""
