"""How do the field's data sets lie in their folders? A file per data set; `known` lists them."""
