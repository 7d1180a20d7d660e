"""The Python side of ascribe: everything that needs a tokenizer or a table reader."""

__version__ = "0.1.0"
