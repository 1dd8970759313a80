"""Exact conversion between planes of samples and RGB tensors."""
