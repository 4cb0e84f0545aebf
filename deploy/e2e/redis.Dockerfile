# Debian's Redis, in place of the public image.
FROM debian:forky-slim
RUN apt-get update \
	&& apt-get install -y --no-install-recommends redis-server \
	&& rm -rf /var/lib/apt/lists/*
CMD ["redis-server"]
