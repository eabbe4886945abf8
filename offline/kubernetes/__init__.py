"""Pulumi's `kubernetes` provider without a cluster: objects become YAML files, as `renderYamlToDirectory` does it."""
