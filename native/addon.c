// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * N-API glue and nothing else: arguments in, results and errors out. Errors are thrown with a
 * stable `code` and the properties errno, subject and log; src/native/errors.ts words them.
 *
 * Loaded in a worker thread: all state hangs on the environment (instance data), whose cleanup
 * hook detaches everything when the thread ends, however it ends.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <node_api.h>

#include "../bpf/event.h"
#include "kernel.h"
#include "memory.h"
#include "probe.h"

#define KERNELS_MAX 8

/* Kernels opened by this environment; a handle is an index. */
struct instance {
	struct kernel *kernels[KERNELS_MAX];
};

static void set_string(napi_env env, napi_value object, const char *name, const char *text)
{
	napi_value value;

	napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
	napi_set_named_property(env, object, name, value);
}

static void set_number(napi_env env, napi_value object, const char *name, double number)
{
	napi_value value;

	napi_create_double(env, number, &value);
	napi_set_named_property(env, object, name, value);
}

static napi_value error_of(napi_env env, const struct kernel_error *error)
{
	napi_value object, code, message;

	napi_create_string_utf8(env, error->code, NAPI_AUTO_LENGTH, &code);
	napi_create_string_utf8(env, error->code, NAPI_AUTO_LENGTH, &message);
	napi_create_error(env, code, message, &object);
	set_number(env, object, "errno", error->number);
	set_string(env, object, "subject", error->subject);
	set_string(env, object, "log", error->log);
	return object;
}

static napi_value throw_error(napi_env env, const struct kernel_error *error)
{
	napi_throw(env, error_of(env, error));
	return NULL;
}

static napi_value throw_code(napi_env env, const char *code)
{
	napi_throw_error(env, code, code);
	return NULL;
}

static double number_of(napi_env env, napi_value value)
{
	double number = 0;

	napi_get_value_double(env, value, &number);
	return number;
}

static double property_number(napi_env env, napi_value object, const char *name)
{
	napi_value value;

	if (napi_get_named_property(env, object, name, &value) != napi_ok)
		return 0;
	return number_of(env, value);
}

/* Reads arguments; the first one names the kernel. NULL with an exception pending. */
static struct kernel *kernel_of(napi_env env, napi_callback_info info, size_t wanted,
				napi_value *args)
{
	struct instance *instance = NULL;
	size_t given = wanted;
	double handle;

	napi_get_cb_info(env, info, &given, args, NULL, NULL);
	napi_get_instance_data(env, (void **)&instance);
	handle = given == wanted ? number_of(env, args[0]) : -1;
	if (!instance || handle < 0 || handle >= KERNELS_MAX || !instance->kernels[(int)handle]) {
		throw_code(env, "kernel_closed");
		return NULL;
	}
	return instance->kernels[(int)handle];
}

/*
 * Settings as numbers: copy_bytes_max by side, excluded, reports_connections. Returns 0 when the
 * value is something else.
 */
static int traffic_of(napi_env env, napi_value value, struct traffic *traffic)
{
	napi_typedarray_type type;
	size_t length;
	void *data;

	if (napi_get_typedarray_info(env, value, &type, &length, &data, NULL, NULL) != napi_ok ||
	    type != napi_uint32_array || length != TRAFFIC_SIDES + 2)
		return 0;
	const uint32_t *numbers = data;

	*traffic = (struct traffic){ .excluded = (uint8_t)(numbers[TRAFFIC_SIDES] | CLASS_SKIPPED),
				     .reports_connections = (uint8_t)numbers[TRAFFIC_SIDES + 1] };
	memcpy(traffic->copy_bytes_max, numbers, sizeof(traffic->copy_bytes_max));
	return 1;
}

/* open({directory, watchAll, ringBytes, ringBytesMin, connectionsMax, hook, traffic}): handle */
static napi_value addon_open(napi_env env, napi_callback_info info)
{
	struct instance *instance = NULL;
	struct kernel_options options = {};
	struct kernel_error error = {};
	napi_value arg, directory, traffic, result;
	size_t given = 1, slot = 0;
	char path[4096] = "";

	napi_get_cb_info(env, info, &given, &arg, NULL, NULL);
	napi_get_instance_data(env, (void **)&instance);
	napi_get_named_property(env, arg, "directory", &directory);
	napi_get_value_string_utf8(env, directory, path, sizeof(path), NULL);
	options.directory = path;
	options.watch_all = property_number(env, arg, "watchAll") != 0;
	options.ring_bytes = (uint32_t)property_number(env, arg, "ringBytes");
	options.ring_bytes_min = (uint32_t)property_number(env, arg, "ringBytesMin");
	options.connections_max = (uint32_t)property_number(env, arg, "connectionsMax");
	options.hook = (enum kernel_hook)property_number(env, arg, "hook");
	napi_get_named_property(env, arg, "traffic", &traffic);
	if (!traffic_of(env, traffic, &options.traffic))
		return throw_code(env, "traffic_not_numbers");
	while (slot < KERNELS_MAX && instance->kernels[slot])
		slot++;
	if (slot == KERNELS_MAX)
		return throw_code(env, "kernels_exhausted");
	if (kernel_open(&instance->kernels[slot], &options, &error))
		return throw_error(env, &error);
	napi_create_uint32(env, (uint32_t)slot, &result);
	return result;
}

/* close(handle) */
static napi_value addon_close(napi_env env, napi_callback_info info)
{
	struct instance *instance = NULL;
	napi_value args[1];
	struct kernel *kernel = kernel_of(env, info, 1, args);

	if (!kernel)
		return NULL;
	napi_get_instance_data(env, (void **)&instance);
	instance->kernels[(int)number_of(env, args[0])] = NULL;
	kernel_close(kernel);
	return NULL;
}

/* drain(handle, Uint8Array, isLast): bytes written */
static napi_value addon_drain(napi_env env, napi_callback_info info)
{
	napi_value args[3], result;
	struct kernel *kernel = kernel_of(env, info, 3, args);
	void *bytes;
	size_t length;
	bool is_last = false;
	int64_t drained;

	if (!kernel)
		return NULL;
	if (napi_get_typedarray_info(env, args[1], NULL, &length, &bytes, NULL, NULL) != napi_ok)
		return throw_code(env, "batch_not_bytes");
	napi_get_value_bool(env, args[2], &is_last);
	drained = kernel_drain(kernel, bytes, length, is_last);
	if (drained < 0)
		return throw_code(env, drained == -EINVAL ? "batch_too_small" : "bpf_ring");
	napi_create_uint32(env, (uint32_t)drained, &result);
	return result;
}

/* counters(handle): Float64Array by enum event_counter */
static napi_value addon_counters(napi_env env, napi_callback_info info)
{
	napi_value args[1], buffer, result;
	struct kernel *kernel = kernel_of(env, info, 1, args);
	struct kernel_error error = {};
	uint64_t sums[COUNTER_MAX];
	double *values;

	if (!kernel)
		return NULL;
	if (kernel_counters(kernel, sums, &error))
		return throw_error(env, &error);
	napi_create_arraybuffer(env, sizeof(double) * COUNTER_MAX, (void **)&values, &buffer);
	for (int i = 0; i < COUNTER_MAX; i++)
		values[i] = (double)sums[i];
	napi_create_typedarray(env, napi_float64_array, COUNTER_MAX, buffer, 0, &result);
	return result;
}

/* setPolicy(handle, tgid, watch, family) */
static napi_value addon_set_policy(napi_env env, napi_callback_info info)
{
	napi_value args[4];
	struct kernel *kernel = kernel_of(env, info, 4, args);
	struct kernel_error error = {};

	if (kernel && kernel_set_policy(kernel, (uint32_t)number_of(env, args[1]),
					(uint32_t)number_of(env, args[2]),
					(uint32_t)number_of(env, args[3]), &error))
		return throw_error(env, &error);
	return NULL;
}

/* clearPolicy(handle, tgid) */
static napi_value addon_clear_policy(napi_env env, napi_callback_info info)
{
	napi_value args[2];
	struct kernel *kernel = kernel_of(env, info, 2, args);
	struct kernel_error error = {};

	if (kernel && kernel_clear_policy(kernel, (uint32_t)number_of(env, args[1]), &error))
		return throw_error(env, &error);
	return NULL;
}

/* setTraffic(handle, Uint32Array) */
static napi_value addon_set_traffic(napi_env env, napi_callback_info info)
{
	napi_value args[2];
	struct kernel *kernel = kernel_of(env, info, 2, args);
	struct kernel_error error = {};
	struct traffic traffic;

	if (!kernel)
		return NULL;
	if (!traffic_of(env, args[1], &traffic))
		return throw_code(env, "traffic_not_numbers");
	if (kernel_set_traffic(kernel, &traffic, &error))
		return throw_error(env, &error);
	return NULL;
}

/* ignoreConnection(handle, inode) */
static napi_value addon_ignore_connection(napi_env env, napi_callback_info info)
{
	napi_value args[2];
	struct kernel *kernel = kernel_of(env, info, 2, args);
	struct kernel_error error = {};

	if (kernel && kernel_ignore_connection(kernel, (uint64_t)number_of(env, args[1]), &error))
		return throw_error(env, &error);
	return NULL;
}

/* forgetConnection(handle, inode): whether a close event follows */
static napi_value addon_forget_connection(napi_env env, napi_callback_info info)
{
	napi_value args[2], result;
	struct kernel *kernel = kernel_of(env, info, 2, args);
	struct kernel_error error = {};
	int follows;

	if (!kernel)
		return NULL;
	follows = kernel_forget_connection(kernel, (uint64_t)number_of(env, args[1]), &error);
	if (follows < 0)
		return throw_error(env, &error);
	napi_get_boolean(env, follows != 0, &result);
	return result;
}

/* hook(handle): enum kernel_hook */
static napi_value addon_hook(napi_env env, napi_callback_info info)
{
	napi_value args[1], result;
	struct kernel *kernel = kernel_of(env, info, 1, args);

	if (!kernel)
		return NULL;
	napi_create_uint32(env, kernel_hook(kernel), &result);
	return result;
}

/* socketRefusal(handle): an error, or undefined */
static napi_value addon_socket_refusal(napi_env env, napi_callback_info info)
{
	napi_value args[1];
	struct kernel *kernel = kernel_of(env, info, 1, args);
	const struct kernel_error *refusal = kernel ? kernel_socket_refusal(kernel) : NULL;

	return refusal ? error_of(env, refusal) : NULL;
}

/* ringBytes(handle): what one CPU's ring holds */
static napi_value addon_ring_bytes(napi_env env, napi_callback_info info)
{
	napi_value args[1], result;
	struct kernel *kernel = kernel_of(env, info, 1, args);

	if (!kernel)
		return NULL;
	napi_create_uint32(env, kernel_ring_bytes(kernel), &result);
	return result;
}

/* followSplices(handle) */
static napi_value addon_follow_splices(napi_env env, napi_callback_info info)
{
	napi_value args[1];
	struct kernel *kernel = kernel_of(env, info, 1, args);
	struct kernel_error error = {};

	if (kernel && kernel_follow_splices(kernel, &error))
		return throw_error(env, &error);
	return NULL;
}

/* followCloses(handle) */
static napi_value addon_follow_closes(napi_env env, napi_callback_info info)
{
	napi_value args[1];
	struct kernel *kernel = kernel_of(env, info, 1, args);
	struct kernel_error error = {};

	if (kernel && kernel_follow_closes(kernel, &error))
		return throw_error(env, &error);
	return NULL;
}

static napi_value end_connections(napi_env env, napi_callback_info info,
				  int (*end)(struct kernel *, struct kernel_error *))
{
	napi_value args[1], result;
	struct kernel *kernel = kernel_of(env, info, 1, args);
	struct kernel_error error = {};
	int ended;

	if (!kernel)
		return NULL;
	ended = end(kernel, &error);
	if (ended < 0)
		return throw_error(env, &error);
	napi_create_int32(env, ended, &result);
	return result;
}

/* sweep(handle): connections ended */
static napi_value addon_sweep(napi_env env, napi_callback_info info)
{
	return end_connections(env, info, kernel_sweep);
}

/* endLate(handle): connections ended again */
static napi_value addon_end_late(napi_env env, napi_callback_info info)
{
	return end_connections(env, info, kernel_end_late);
}

/* stop(handle): Uint8Array of close events */
static napi_value addon_stop(napi_env env, napi_callback_info info)
{
	napi_value args[1], buffer, result;
	struct kernel *kernel = kernel_of(env, info, 1, args);
	struct kernel_error error = {};
	uint8_t *records;
	size_t length;
	void *bytes;

	if (!kernel)
		return NULL;
	if (kernel_stop(kernel, &records, &length, &error))
		return throw_error(env, &error);
	napi_create_arraybuffer(env, length, &bytes, &buffer);
	if (length)
		memcpy(bytes, records, length);
	free(records);
	napi_create_typedarray(env, napi_uint8_array, length, buffer, 0, &result);
	return result;
}

/* The layout's numbers in the order of struct haproxy_walk, then those that agreed already. */
#define WALK_NUMBERS 13

static int walk_of(napi_env env, napi_value value, struct haproxy_walk *walk)
{
	napi_typedarray_type type;
	size_t length;
	void *data;

	if (napi_get_typedarray_info(env, value, &type, &length, &data, NULL, NULL) != napi_ok ||
	    type != napi_float64_array || length != WALK_NUMBERS)
		return 0;
	const double *numbers = data;
	uint32_t *const offsets[] = {
		&walk->entry_bytes,	&walk->entry_owner,    &walk->connection_handle,
		&walk->connection_mux,	&walk->mux_connection, &walk->mux_stream,
		&walk->stream_mux,	&walk->stream_session, &walk->session_origin,
		&walk->connection_type,
	};

	walk->table_from_code = (uint64_t)(int64_t)numbers[0];
	walk->checks_from_code = (uint64_t)(int64_t)numbers[1];
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
		*offsets[i] = (uint32_t)numbers[2 + i];
	walk->agreed = (uint64_t)numbers[WALK_NUMBERS - 1];
	return 1;
}

/* setWalk(handle, number, Float64Array) */
static napi_value addon_set_walk(napi_env env, napi_callback_info info)
{
	napi_value args[3];
	struct kernel *kernel = kernel_of(env, info, 3, args);
	struct kernel_error error = {};
	struct haproxy_walk walk = {};

	if (!kernel)
		return NULL;
	if (!walk_of(env, args[2], &walk))
		return throw_code(env, "walk_not_numbers");
	if (kernel_set_walk(kernel, (uint32_t)number_of(env, args[1]), &walk, &error))
		return throw_error(env, &error);
	return NULL;
}

/* offerWalk(handle, tgid, number, code) */
static napi_value addon_offer_walk(napi_env env, napi_callback_info info)
{
	napi_value args[4];
	struct kernel *kernel = kernel_of(env, info, 4, args);
	struct kernel_error error = {};

	if (kernel && kernel_offer_walk(kernel, (uint32_t)number_of(env, args[1]),
					(uint32_t)number_of(env, args[2]),
					(uint64_t)number_of(env, args[3]), &error))
		return throw_error(env, &error);
	return NULL;
}

/* readWalk(handle, number): {agreed, disagreed, taken} */
static napi_value addon_read_walk(napi_env env, napi_callback_info info)
{
	napi_value args[2], result;
	struct kernel *kernel = kernel_of(env, info, 2, args);
	struct kernel_error error = {};
	struct haproxy_walk walk;

	if (!kernel)
		return NULL;
	if (kernel_read_walk(kernel, (uint32_t)number_of(env, args[1]), &walk, &error))
		return throw_error(env, &error);
	napi_create_object(env, &result);
	set_number(env, result, "agreed", (double)walk.agreed);
	set_number(env, result, "disagreed", walk.disagreed);
	set_number(env, result, "taken", (double)walk.taken);
	return result;
}

/* walkAlone(handle, number) */
static napi_value addon_walk_alone(napi_env env, napi_callback_info info)
{
	napi_value args[2];
	struct kernel *kernel = kernel_of(env, info, 2, args);
	struct kernel_error error = {};

	if (kernel && kernel_walk_alone(kernel, (uint32_t)number_of(env, args[1]), &error))
		return throw_error(env, &error);
	return NULL;
}

/* attachUprobe(handle, program, path, offset, isReturn): uprobe handle */
static napi_value addon_attach_uprobe(napi_env env, napi_callback_info info)
{
	napi_value args[5], result;
	struct kernel *kernel = kernel_of(env, info, 5, args);
	struct kernel_error error = {};
	char program[64] = "", path[4096] = "";
	bool is_return = false;
	int handle;

	if (!kernel)
		return NULL;
	napi_get_value_string_utf8(env, args[1], program, sizeof(program), NULL);
	napi_get_value_string_utf8(env, args[2], path, sizeof(path), NULL);
	napi_get_value_bool(env, args[4], &is_return);
	handle = kernel_attach_uprobe(kernel, program, path, (size_t)number_of(env, args[3]),
				      is_return, &error);
	if (handle < 0)
		return throw_error(env, &error);
	napi_create_uint32(env, (uint32_t)handle, &result);
	return result;
}

/* detach(handle, uprobe handle) */
static napi_value addon_detach(napi_env env, napi_callback_info info)
{
	napi_value args[2];
	struct kernel *kernel = kernel_of(env, info, 2, args);

	if (kernel)
		kernel_detach(kernel, (int)number_of(env, args[1]));
	return NULL;
}

/* probe(directory): [[name, errno or 0], ...] */
static napi_value addon_probe(napi_env env, napi_callback_info info)
{
	napi_value directory, result;
	size_t given = 1;
	char path[4096] = "";
	int numbers[PROBE_MAX];

	napi_get_cb_info(env, info, &given, &directory, NULL, NULL);
	napi_get_value_string_utf8(env, directory, path, sizeof(path), NULL);
	probe_all(path, numbers);
	napi_create_array_with_length(env, PROBE_MAX, &result);
	for (uint32_t kind = 0; kind < PROBE_MAX; kind++) {
		napi_value pair, name, number;

		napi_create_array_with_length(env, 2, &pair);
		napi_create_string_utf8(env, probe_names[kind], NAPI_AUTO_LENGTH, &name);
		napi_create_int32(env, numbers[kind], &number);
		napi_set_element(env, pair, 0, name);
		napi_set_element(env, pair, 1, number);
		napi_set_element(env, result, kind, pair);
	}
	return result;
}

/* giveBackMemory() */
static napi_value addon_give_back_memory(napi_env env, napi_callback_info info)
{
	(void)env;
	(void)info;
	memory_give_back();
	return NULL;
}

/* Runs when the environment ends, also by terminate() of its worker. */
static void on_environment_end(void *data)
{
	struct instance *instance = data;

	for (size_t i = 0; i < KERNELS_MAX; i++)
		if (instance->kernels[i])
			kernel_close(instance->kernels[i]);
	free(instance);
}

static void export_layout(napi_env env, napi_value exports)
{
	napi_value layout;

	napi_create_object(env, &layout);
	set_number(env, layout, "version", SPANTAP_EVENT_VERSION);
	set_number(env, layout, "header", sizeof(struct event_header));
	set_number(env, layout, "open", sizeof(struct open_event));
	set_number(env, layout, "data", sizeof(struct data_event));
	set_number(env, layout, "close", sizeof(struct close_event));
	set_number(env, layout, "process", sizeof(struct process_event));
	set_number(env, layout, "chunk", SPANTAP_CHUNK_BYTES);
	set_number(env, layout, "counters", COUNTER_MAX);
	napi_set_named_property(env, exports, "layout", layout);
}

NAPI_MODULE_INIT()
{
	static const struct {
		const char *name;
		napi_callback call;
	} functions[] = {
		{ "open", addon_open },
		{ "close", addon_close },
		{ "drain", addon_drain },
		{ "counters", addon_counters },
		{ "setPolicy", addon_set_policy },
		{ "clearPolicy", addon_clear_policy },
		{ "setTraffic", addon_set_traffic },
		{ "followCloses", addon_follow_closes },
		{ "followSplices", addon_follow_splices },
		{ "hook", addon_hook },
		{ "socketRefusal", addon_socket_refusal },
		{ "ringBytes", addon_ring_bytes },
		{ "ignoreConnection", addon_ignore_connection },
		{ "forgetConnection", addon_forget_connection },
		{ "sweep", addon_sweep },
		{ "endLate", addon_end_late },
		{ "stop", addon_stop },
		{ "attachUprobe", addon_attach_uprobe },
		{ "setWalk", addon_set_walk },
		{ "offerWalk", addon_offer_walk },
		{ "readWalk", addon_read_walk },
		{ "walkAlone", addon_walk_alone },
		{ "detach", addon_detach },
		{ "probe", addon_probe },
		{ "giveBackMemory", addon_give_back_memory },
	};
	struct instance *instance = calloc(1, sizeof(*instance));

	if (!instance)
		return throw_code(env, "no_memory");
	napi_set_instance_data(env, instance, NULL, NULL);
	napi_add_env_cleanup_hook(env, on_environment_end, instance);
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		napi_value function;

		napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call,
				     NULL, &function);
		napi_set_named_property(env, exports, functions[i].name, function);
	}
	export_layout(env, exports);
	return exports;
}
