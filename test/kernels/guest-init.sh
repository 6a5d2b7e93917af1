#!/bin/busybox sh
# First process of the guest: an nginx before an HAProxy before a tiny backend, the agent with its
# defaults, one request; then everything that the agent printed goes to the serial console.
/bin/busybox --install -s /bin
export PATH=/bin:/usr/sbin HOME=/
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
ip link set lo up

# until_true SECONDS COMMAND...: asks once a second.
until_true() {
	left=$1
	shift
	until "$@"; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || return 1
		sleep 1
	done
}

finish() {
	echo "guest: result: $1"
	# The host ends the guest when it has read this line; a reboot would cut the console short.
	sleep 600
	reboot -f
}

echo "guest: Linux $(uname -r)"
httpd -p 127.0.0.1:8082 -h /www
haproxy -db -f /etc/haproxy.cfg >/tmp/haproxy.log 2>&1 &
nginx -p /tmp -c /etc/nginx.conf >/tmp/nginx.log 2>&1 &
until_true 30 wget -q -O /dev/null http://127.0.0.1:8080/ready || {
	cat /tmp/*.log
	finish "the proxies do not answer"
}

echo "guest: starting the agent"
OTEL_TRACES_EXPORTER=console node /spantap/src/main.ts run >/tmp/agent.log 2>&1 &
agent=$!
if until_true 240 grep -q -E "watching|rror" /tmp/agent.log && kill -0 $agent; then
	echo "guest: the agent watches"
	wget -q -O - http://127.0.0.1:8080/hello
	until_true 60 grep -q "GET /hello" /tmp/agent.log
	kill -TERM $agent
	wait $agent
	status=$?
else
	status=none
fi
echo "guest: agent printed"
cat /tmp/agent.log
echo "guest: end of agent"
finish "$status"
