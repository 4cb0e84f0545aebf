# Writes the configuration of the cluster's programs into $directory/etc;
# sourced by scripts/k8s.sh.
# shellcheck shell=bash
# shellcheck source=scripts/k8s/settings.sh disable=SC2154

etc=$directory/etc

configure() {
	mkdir -p "$etc/cni"
	: >"$etc/resolv.conf"
	make_credentials
	write_kubeconfig
	write_containerd
	write_network
	write_kubelet
	write_proxy
	write_names
	write_volumes
}

# One user, who may do everything, for the programs and for whoever looks
# around. The API server makes its own certificate.
make_credentials() {
	local token
	token=$(openssl rand -hex 32)
	(umask 077; printf '%s,admin,admin,system:masters\n' "$token" >"$etc/tokens.csv")
	openssl genrsa -out "$etc/service-accounts.key" 2048 2>/dev/null
}

write_kubeconfig() {
	(umask 077; cat >"$kubeconfig") <<-YAML
		apiVersion: v1
		kind: Config
		current-context: pronghorn
		contexts:
		- {name: pronghorn, context: {cluster: pronghorn, user: admin}}
		clusters:
		- name: pronghorn
		  cluster: {server: "https://$node:6443", certificate-authority: $etc/pki/apiserver.crt}
		users:
		- {name: admin, user: {token: $(cut -d, -f1 "$etc/tokens.csv")}}
	YAML
}

write_containerd() {
	cat >"$etc/containerd.toml" <<-TOML
		version = 2
		root = "$directory/containerd"
		state = "/run/containerd"
		[grpc]
		  address = "$socket"
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "$pause"
		  restrict_oom_score_adj = true
		[plugins."io.containerd.grpc.v1.cri".cni]
		  bin_dir = "/usr/lib/cni"
		  conf_dir = "$etc/cni"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
		  runtime_type = "io.containerd.runc.v2"
	TOML
}

write_network() {
	cat >"$etc/cni/10-bridge.conflist" <<-JSON
		{"cniVersion": "0.4.0", "name": "pods", "plugins": [
		  {"type": "bridge", "bridge": "pods0", "isGateway": true, "hairpinMode": true,
		   "ipam": {"type": "host-local", "ranges": [[{"subnet": "$pods"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
		  {"type": "portmap", "capabilities": {"portMappings": true}}]}
	JSON
}

# The kubelet listens in the cluster's own network only.
write_kubelet() {
	cat >"$etc/kubelet.yaml" <<-YAML
		apiVersion: kubelet.config.k8s.io/v1beta1
		kind: KubeletConfiguration
		failCgroupV1: false
		cgroupDriver: cgroupfs
		cgroupRoot: /$cgroup
		failSwapOn: false
		oomScoreAdj: 0
		containerRuntimeEndpoint: unix://$socket
		authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
		authorization: {mode: AlwaysAllow}
		clusterDNS: ["$name_service"]
		clusterDomain: cluster.local
		resolvConf: $etc/resolv.conf
		volumePluginDir: $directory/volume-plugins
		imageGCHighThresholdPercent: 100
		imageGCLowThresholdPercent: 99
		evictionHard: {memory.available: 200Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%, imagefs.inodesFree: 1%}
	YAML
}

write_proxy() {
	cat >"$etc/proxy.yaml" <<-YAML
		apiVersion: kubeproxy.config.k8s.io/v1alpha1
		kind: KubeProxyConfiguration
		clientConnection: {kubeconfig: $kubeconfig}
		hostnameOverride: $node_name
		clusterCIDR: $pods
		mode: iptables
		iptables: {minSyncPeriod: 100ms}
		conntrack: {maxPerCore: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
	YAML
}

write_names() {
	cat >"$etc/Corefile" <<-CONF
		.:53 {
		  bind $name_service
		  errors
		  ready 127.0.0.1:8181
		  kubernetes cluster.local in-addr.arpa {
		    kubeconfig $kubeconfig
		    ttl 2
		  }
		  cache 2
		}
	CONF
}

# Directories as persistent volumes, of the default storage class.
write_volumes() {
	local i
	cat >"$etc/volumes.yaml" <<-YAML
		apiVersion: storage.k8s.io/v1
		kind: StorageClass
		metadata: {name: local, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
		provisioner: kubernetes.io/no-provisioner
		volumeBindingMode: WaitForFirstConsumer
	YAML
	for i in 1 2 3 4 5 6 7 8; do
		mkdir -p "$directory/volumes/$i"
		cat >>"$etc/volumes.yaml" <<-YAML
			---
			apiVersion: v1
			kind: PersistentVolume
			metadata: {name: local-$i}
			spec:
			  capacity: {storage: 100Gi}
			  accessModes: [ReadWriteOnce]
			  storageClassName: local
			  persistentVolumeReclaimPolicy: Retain
			  local: {path: $directory/volumes/$i}
			  nodeAffinity:
			    required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [$node_name]}]}]}
		YAML
	done
}
