# One image for both processes: the web process is what it runs by default, the worker is another command.
# Build it anywhere with `docker build .`; BASE may be any image with Python 3.11 or later and its venv module.
ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS builder
WORKDIR /build
RUN python3 -m venv /venv
COPY requirements.txt .
# Only what is pinned, byte for byte: a package that was replaced on its registry does not get in.
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt

FROM ${BASE}
# The file system may be read-only, so Python writes no bytecode; the packages' own was compiled in the builder.
# Loopback inside a container reaches nobody, hence LISTEN; the internal side stays on it.
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LISTEN=0.0.0.0:8080 \
    INTERNAL_LISTEN=127.0.0.1:8501 \
    TALKTOME_LOG=/var/log/messaging/messaging_system.log
WORKDIR /app
# A volume mounted at these two starts as the image has them, owned by the one who writes there.
RUN install -d -o 10001 -g 10001 /app/var /var/log/messaging
COPY --from=builder /venv /venv
COPY config config
COPY messaging messaging
COPY workers workers

# A number, so that an orchestrator can see that it is not root without asking the image's passwd.
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
# For the web process; a worker has no listener, so compose switches it off there.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["python", "-c", \
    "import http.client, os, sys; port = os.environ['INTERNAL_LISTEN'].rpartition(':')[2]; \
    web = http.client.HTTPConnection('127.0.0.1', int(port), timeout=2); web.request('GET', '/livez'); \
    sys.exit(web.getresponse().status != 200)"]
CMD ["python", "-m", "messaging", "serve"]
