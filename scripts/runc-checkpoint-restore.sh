#!/bin/sh
# An OCI runtime for tests: runc, with exactly the capabilities
# CHECKPOINT_RESTORE and SETPCAP for the container's process, ambient ones
# included, as Kubernetes or a newer engine would give them. Docker before 23
# does not know CHECKPOINT_RESTORE, and no Docker gives ambient capabilities.
#
#   docker run --runtime=checkpoint-restore …     on the engine of dockerd.sh
set -eu

previous='' bundle=''
for argument; do
	[ "$previous" != --bundle ] || bundle=$argument
	previous=$argument
done
if [ -n "$bundle" ] && [ -f "$bundle/config.json" ]; then
	set='["CAP_CHECKPOINT_RESTORE","CAP_SETPCAP"]'
	sed -i 's/"capabilities":{[^}]*}/"capabilities":{"bounding":'"$set"',"effective":'"$set"',"permitted":'"$set"',"inheritable":'"$set"',"ambient":'"$set"'}/' "$bundle/config.json"
fi
exec runc "$@"
