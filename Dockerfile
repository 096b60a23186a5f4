# The services of this checkout, installed from the locked requirements; compose.yaml builds and runs it.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore

WORKDIR /app
COPY requirements/run.txt requirements/run.txt
RUN pip install --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY services services
RUN pip install --no-deps --no-build-isolation -e . && useradd --system --uid 10001 tenantry

USER tenantry
# Here `alembic` finds the service's alembic.ini; `tenantry` finds the project from anywhere below it.
WORKDIR /app/services/ai_agents
EXPOSE 8000
CMD ["uvicorn", "ai_agents.app:app", "--host", "0.0.0.0", "--port", "8000", "--no-access-log"]
