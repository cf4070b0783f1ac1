# One image for web, worker, beat and commands; compose.yaml says which runs what.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1
WORKDIR /app

COPY requirements.txt .
RUN pip install --disable-pip-version-check -r requirements.txt

COPY . .
ENV STATIC_ROOT=/app/static-collected
RUN python manage.py collectstatic --noinput --verbosity 0
# Nothing is written but the data directory: posters, and what the embedded services keep if they are used.
RUN useradd --system --create-home frontrow && install -d -o frontrow -m 700 /data
USER frontrow
ENV DATA_DIR=/data
VOLUME /data

EXPOSE 8000
CMD ["granian", "--interface", "rsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", \
     "--http", "1", "--http1-header-read-timeout", "30000", "--http1-buffer-size", "65536", "--backlog", "4096", "--backpressure", "8192", \
     "--respawn-failed-workers", "--no-ws", "concert_site.rsgi:application"]
