"""Training of neural systems: params, batches, augmentation, the loop."""
