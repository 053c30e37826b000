"""The model families that can be split over several devices, by transformers' `model_type`.

What is split, and how, is the runtime's table; the compiler needs the names alone.
"""

PARALLEL_FAMILIES = frozenset(
    {
        "llama",
        "mistral",
        "qwen2",
        "qwen3",
        "gemma",
        "gemma2",
        "gemma3_text",
        "granite",
        "cohere",
        "olmo2",
        "smollm3",
        "gpt2",
        "gpt_neox",
    }
)
