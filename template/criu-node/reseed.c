/* Addon for Node: reseed() makes OpenSSL draw fresh entropy from the kernel.
 * Its generators of all threads follow at their next number. */
#include <node_api.h>
#include <openssl/rand.h>

static napi_value reseed(napi_env env, napi_callback_info info) {
	(void)info;
	if (RAND_poll() != 1)
		napi_throw_error(env, NULL, "OpenSSL could not be reseeded");
	return NULL;
}

NAPI_MODULE_INIT() {
	napi_value function;
	if (napi_create_function(env, "reseed", NAPI_AUTO_LENGTH, reseed, NULL, &function) != napi_ok ||
	    napi_set_named_property(env, exports, "reseed", function) != napi_ok)
		return NULL;
	return exports;
}
