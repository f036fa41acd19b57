"""The engine under its public name: `tlx.attribution.layer_conductance`, Captum's for all layers in one pass."""

from tlx.analysis.attribution import layer_conductance

__all__ = ["layer_conductance"]
