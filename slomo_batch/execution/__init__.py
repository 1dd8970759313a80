"""On which machine: the driver, and the engines that carry its calls to threads or to Ray. The only importer of Ray."""
