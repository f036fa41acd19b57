"""Networks: by name, with tensors from files, traced once to find their layers; what hooks them leaves no hook."""
