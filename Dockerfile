# One image for web, ticks, worker, beat and commands (concert_site/container.py): docs/containers.md.
# Give a digest for what must be the same each time: --build-arg PYTHON_IMAGE=python:3.13-slim-trixie@sha256:...
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /app
# What is in the lock, by its hash, as wheels: nothing is compiled, and no setup.py is run.
COPY deploy/requirements/production.txt deploy/requirements/
RUN python3 -m venv --without-pip /opt/frontrow \
    && python3 -m pip --python /opt/frontrow/bin/python install --quiet --require-hashes --only-binary :all: \
        -r deploy/requirements/production.txt
# What .dockerignore lets through: the code, without tests, secrets and data.
COPY . .
ENV PATH=/opt/frontrow/bin:$PATH STATIC_ROOT=/app/static-collected
RUN python manage.py collectstatic --noinput --verbosity 0 \
    && python -m compileall -q /app /opt/frontrow/lib

FROM ${PYTHON_IMAGE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Frontrow" \
      org.opencontainers.image.description="Sells numbered concert seats in the worst ten minutes of the year" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Nothing is written but /data (posters, unless they are stored elsewhere) and /tmp.
ENV PATH=/opt/frontrow/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp \
    MODE=production DATA_DIR=/data STATIC_ROOT=/app/static-collected METRICS_DIR=/tmp/metrics
RUN install -d -o 10001 -g 10001 -m 700 /data
WORKDIR /app
COPY --from=build /opt/frontrow /opt/frontrow
COPY --from=build /app /app
# A number, so that whoever runs it can see that it isn't root.
USER 10001:10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=8s --start-period=60s --retries=3 \
    CMD ["python", "-m", "concert_site.container", "healthy", "web"]
ENTRYPOINT ["python", "-m", "concert_site.container"]
CMD ["web"]
