# The MinIO server that scripts/setup.sh builds, in place of the public image.
FROM debian:forky-slim
COPY minio /usr/bin/minio
ENTRYPOINT ["minio"]
