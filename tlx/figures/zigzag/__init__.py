"""The network relation view (paper 5.3.3, Figure 4), one Bokeh figure."""
