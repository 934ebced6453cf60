"""A BERT of two layers with random weights, and a tokenizer of nine words: small enough to be made in each test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, BertForSequenceClassification, BertModel, BertTokenizer

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "fine", "film"]
SIZES: dict[str, Any] = {
    "vocab_size": len(WORDS),
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 32,
}


def tokenizer(folder: Path) -> Any:
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    return BertTokenizer(str(folder / "vocab.txt"))


def classifier() -> Any:
    torch.manual_seed(1)
    return BertForSequenceClassification(BertConfig(**SIZES, num_labels=2)).eval()


def encoder() -> Any:
    torch.manual_seed(1)
    return BertModel(BertConfig(**SIZES)).eval()
