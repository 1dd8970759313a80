"""How are published data sets stored? One file per data set; `known` lists them."""
