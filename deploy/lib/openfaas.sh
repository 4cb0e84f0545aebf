# shellcheck shell=bash disable=SC2154,SC2034 # settings and arguments are deploy.sh's and settings.sh's
# OpenFaaS itself, only when it was asked for.

install_openfaas() {
	step 'OpenFaaS Community Edition, by its Helm chart'
	info "OpenFaaS is not part of Pronghorn and has licences of its own; those of the Community Edition limit"
	info "commercial use and the number of functions: https://github.com/openfaas/faas/blob/master/EULA.md"
	command -v helm >/dev/null || fail 'helm is missing: https://helm.sh/docs/intro/install/'
	local name
	for name in openfaas "$namespace"; do
		exists namespace "$name" || k create namespace "$name" | said
	done
	helm upgrade --install openfaas openfaas ${context:+--kube-context "$context"} \
		--repo https://openfaas.github.io/faas-netes/ --namespace openfaas \
		--set functionNamespace="$namespace" --set generateBasicAuth=true --timeout "${timeout}s" |
		sed 's/^/    /'
	await openfaas deployment/gateway
}
