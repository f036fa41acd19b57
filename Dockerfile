# The app for a server of one's own; docs/deploy.md says how. Its steps are the Makefile's.
FROM python:3.11-slim

# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --create-home tlx && install --directory --owner=tlx /cache

WORKDIR /app
# Give the address of PyTorch's wheels for the CPU here; without it the image gets the CUDA build, some 5 GB.
ARG PIP_EXTRA_INDEX_URL
ENV VENV=/opt/tlx PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY Makefile requirements.txt ./
RUN make install
COPY . .

# What this process writes goes to /cache. Visitors see the cases in TLX_CASES and no others.
ENV TLX_CACHE=/cache TLX_DATA=/data TLX_PUBLIC=1 \
    PYTHONDONTWRITEBYTECODE=1 MPLCONFIGDIR=/cache/matplotlib MALLOC_ARENA_MAX=2 \
    STREAMLIT_SERVER_HEADLESS=true STREAMLIT_SERVER_ADDRESS=0.0.0.0 STREAMLIT_SERVER_FILE_WATCHER_TYPE=none
VOLUME /cache
USER 10001
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["make", "health"]
CMD ["make", "app"]
