"""All that knows Streamlit: the frame of every page, the shared selection, long jobs, the Bokeh view, panels."""
