"""What is looked at and what wakes people: recording rules, alerts and dashboards, generated from one Python source."""
