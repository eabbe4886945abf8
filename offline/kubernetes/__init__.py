"""Pulumi's `kubernetes` provider without a cluster: every object becomes a YAML file, as `renderYamlToDirectory` does."""
