# The agents and the command, without the embedded parts. Built by `docker compose build`.
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements/bootstrap.txt requirements/worker.txt requirements/build.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/bootstrap.txt \
 && uv venv /opt/touchline \
 && uv pip install --no-cache --python /opt/touchline/bin/python --require-hashes -r requirements/worker.txt -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY pipeline pipeline
COPY agents agents
COPY touchline touchline
RUN uv pip install --no-cache --python /opt/touchline/bin/python --no-deps --no-build-isolation .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/touchline --create-home touchline
COPY --from=build /opt/touchline /opt/touchline
COPY deploy/touchline.yaml /etc/touchline/touchline.yaml
ENV PATH=/opt/touchline/bin:$PATH PYTHONUNBUFFERED=1
USER touchline
WORKDIR /var/lib/touchline
ENTRYPOINT ["touchline", "--settings", "/etc/touchline/touchline.yaml"]
CMD ["--help"]
