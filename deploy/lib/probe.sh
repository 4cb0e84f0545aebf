# shellcheck shell=bash disable=SC2154,SC2034 # settings and arguments are deploy.sh's and settings.sh's
# A pod with a function's rights dumps and restores a process on some node.

doctor() { k "$1" pod pronghorn-doctor -n "$probed" "${@:2}"; }

probe() {
	local phase
	probed=$namespace # global: the trap below needs it
	exists namespace "$probed" || probed=default
	if [ "$policy_api" = none ] || [ -n "$skip_probe" ]; then
		return
	fi
	step "Trying CRIU in a pod in $probed, with the rights that functions get"
	doctor delete --ignore-not-found --wait >/dev/null
	if ! render_probe "$probed" | k create -f - >/dev/null 2>"$work/probe.err"; then
		fail "the pod was not let in: $(cat "$work/probe.err")"
	fi
	trap 'doctor delete --ignore-not-found --wait=false --grace-period=1 >/dev/null 2>&1; cleanup' EXIT
	phase=$(await_doctor)
	k logs pronghorn-doctor -n "$probed" 2>/dev/null | sed 's/^/    /'
	case "$phase" in
	Succeeded) ;;
	Failed) fail "$(doctor_failed)" ;;
	*) fail "the pod did not run within $timeout s:
$(doctor get -o 'go-template={{range .status.conditions}}    {{.type}} {{.status}} {{.message}}{{"\n"}}{{end}}{{range .status.containerStatuses}}    {{with .state.waiting}}{{.reason}}: {{.message}}{{"\n"}}{{end}}{{end}}' || true)If its image cannot be pulled, give --image; with --skip-probe the pod is not started" ;;
	esac
	doctor delete --wait=false --grace-period=1 >/dev/null
	trap cleanup EXIT
}

await_doctor() {
	local deadline=$((SECONDS + timeout)) phase=
	while [ $SECONDS -lt $deadline ]; do
		phase=$(doctor get -o 'jsonpath={.status.phase}' 2>/dev/null || true)
		case "$phase" in Succeeded | Failed) break ;; esac
		sleep 1
	done
	echo "$phase"
}

doctor_failed() {
	local node
	node=$(doctor get -o 'jsonpath={.spec.nodeName}' || true)
	echo "no hot starts on the node ${node:-?}: see the line that failed above, and what it says to do about it (docs/privileges.md). On nodes with AppArmor try --apparmor-unconfined. With --skip-probe everything is installed all the same, and functions start cold"
}
