"""How good are the pictures? Measure methods on frames dropped from real clips and on published data sets."""
