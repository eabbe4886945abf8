"""The dashboard as a page, drawn from a living Prometheus: for machines that no image of Grafana reaches."""
