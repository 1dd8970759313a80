"""Super SloMo: two U-Nets that estimate optical flow and blend two warped frames (Jiang et al., CVPR 2018)."""
