"""Results drawn as Bokeh figures: functions from a result to a figure, without showing, saving or computing."""
