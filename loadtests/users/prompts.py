"""What customers ask. English whose answers are ASCII: characters of several bytes may hide tokens from a client."""

from __future__ import annotations

PROMPTS = (
    "Name three primary colors.",
    "Say good morning to a colleague.",
    "What is the capital of France?",
    "Explain in one sentence what a computer does.",
    "Write a short story about a cat.",
    "Write a short story about a lighthouse.",
    "Give three reasons to drink water.",
    "How does a bicycle stay upright?",
    "List five animals that live in the sea.",
    "Why is the sky blue?",
    "Tell me how to boil an egg.",
    "Describe a forest in the morning.",
)
