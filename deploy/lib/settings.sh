# shellcheck shell=bash disable=SC2154,SC2034 # settings and arguments are deploy.sh's and settings.sh's
# The settings of an installation. They are kept in the cluster, so that a
# later run, without any flag, changes nothing but what is new.

settings_map=deploy-settings
setting_names=(namespace image storage_class ephemeral redis_size pool_size s3_url s3_secret
	rights apparmor staging_size node_cache policy strategy)
given=" " # those that this run was given by flags

default_settings() {
	namespace=openfaas-fn image=ghcr.io/pronghorn-faas/pronghorn:latest
	storage_class='' ephemeral='' redis_size=1Gi pool_size=10Gi s3_url='' s3_secret=pool
	rights=clock apparmor='' staging_size=512Mi node_cache='' policy=auto strategy=''
	local name
	for name in "${setting_names[@]}"; do
		printf -v "default_$name" %s "${!name}"
	done
}

give() { # give NAME VALUE
	printf -v "$1" %s "$2"
	given="$given$1 "
}

was_given() { [[ "$given" == *" $1 "* ]]; }

# load_settings takes those of the last run that this one was not given.
load_settings() {
	local name value
	# shellcheck disable=SC2016
	local lines='{{range $k, $v := .data}}{{$k}}={{$v}}{{"\n"}}{{end}}'
	while IFS='=' read -r name value; do
		[[ " ${setting_names[*]} " == *" $name "* ]] || continue
		was_given "$name" || printf -v "$name" %s "$value"
	done < <(k get configmap "$settings_map" -n pronghorn -o "go-template=$lines" 2>/dev/null || true)
}

# save_settings keeps what is not the default: those may change with an upgrade.
save_settings() {
	local name default arguments=("--from-literal=version=1")
	for name in "${setting_names[@]}"; do
		default=default_$name
		[ "${!name}" = "${!default}" ] || arguments+=("--from-literal=$name=${!name}")
	done
	k create configmap "$settings_map" -n pronghorn "${arguments[@]}" --dry-run=client -o yaml |
		k label -f - --local "$part_of" -o yaml >"$work/settings.yaml"
	apply "$work/settings.yaml"
}

check_settings() {
	[[ "$namespace" =~ ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$ ]] || misuse "--namespace '$namespace': want the name of a namespace"
	case "$namespace" in
	pronghorn | stores) misuse "--namespace $namespace: functions have a namespace of their own" ;;
	esac
	case "$rights" in
	clock | smallest) ;;
	*) misuse "--rights '$rights': want clock or smallest" ;;
	esac
	case "$policy" in
	auto | v1 | v1beta1 | kyverno | none) ;;
	*) misuse "--policy '$policy': want auto, v1, v1beta1, kyverno or none" ;;
	esac
	[[ "$s3_url" =~ ^(s3://[^@]+)?$ ]] || misuse "--s3-url: want s3://HOST[:PORT]/BUCKET[/PREFIX][?…] without credentials: those are in --s3-secret"
	[[ "$node_cache" =~ ^(/[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)+)?$ ]] || misuse "--node-cache '$node_cache': want a directory of the nodes of its own, such as /var/lib/pronghorn/cache"
	local size
	for size in "$redis_size" "$pool_size" "$staging_size"; do
		[[ "$size" =~ ^(0|[0-9]+[KMGT]i?)$ ]] || misuse "size '$size': want a number and a unit, such as 10Gi"
	done
	[ -z "$ephemeral" ] || [ -z "$storage_class" ] || misuse '--ephemeral and --storage-class exclude each other'
}
