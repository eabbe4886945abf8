"""The parts that every Pulumi plugin of ours shares: the wire format and the life of a plugin process."""
