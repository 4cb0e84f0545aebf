# The MinIO server that scripts/setup.sh builds, in place of the public image.
FROM scratch
COPY minio /usr/bin/minio
ENV PATH=/usr/bin
ENTRYPOINT ["minio"]
