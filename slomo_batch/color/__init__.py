"""Between planes of samples and RGB tensors, exactly."""
