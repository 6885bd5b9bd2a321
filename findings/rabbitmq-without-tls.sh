#!/usr/bin/env bash
# A RabbitMQ node whose TLS port is taken when it starts says "Server startup complete", goes on without TLS, and never tries again; it is
# healthy by every check that charts use (check_running, check_local_alarms, even check_port_connectivity): only check_protocol_listener tells.
# Source: "Monitoring: Health Checks" in the RabbitMQ documentation (check_port_connectivity covers "all enabled listeners"), rabbitmq-server 3.10.8.
set -euo pipefail
version=3.10.8-1.1+deb12u1 # of Debian 12; 4.0.5 of Debian 13 does the same
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder"/{state/lists,cache/archives}/partial "$folder/broker"
touch "$folder/status" # nothing counts as installed: Erlang is fetched as well
ours=(-qq -o "Dir::State=$folder/state" -o "Dir::State::status=$folder/status" -o "Dir::Cache=$folder/cache" -o APT::Sandbox::User=root)
apt-get "${ours[@]}" update
apt-get "${ours[@]}" --yes --no-install-recommends --download-only install "rabbitmq-server=$version"
for package in "$folder"/cache/archives/{erlang-,rabbitmq-server_}*.deb; do dpkg-deb --extract "$package" "$folder"; done
erlang=$folder/usr/lib/erlang
grep -rlI --null /usr/lib/erlang "$erlang"/bin "$erlang"/erts-*/bin | xargs -0 sed -i "s#/usr/lib/erlang#$erlang#g"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check trustme==1.2.1
"$folder/venv/bin/python" -m trustme --quiet --dir "$folder" --identities localhost
export PATH=$(echo "$folder"/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin):$erlang/bin:$PATH HOME=$folder LANG=C.UTF-8
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

FOLDER = Path(sys.argv[1])
HERE = FOLDER / "broker"
CHECKS = (
    ("check_running",),
    ("check_local_alarms",),
    ("check_port_connectivity",),
    ("check_protocol_listener", "amqp/ssl"),
)

with ExitStack() as stack:
    sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
    plain, mapper, distribution = (one.getsockname()[1] for one in sockets)
taken = socket.create_server(("127.0.0.1", 0))  # by another program, for as long as the node starts
(HERE / "rabbitmq.conf").write_text(
    f"listeners.tcp.1 = 127.0.0.1:{plain}\nlisteners.ssl.1 = 127.0.0.1:{taken.getsockname()[1]}\n"
    f"ssl_options.cacertfile = {FOLDER}/client.pem\nssl_options.certfile = {FOLDER}/server.pem\n"
    f"ssl_options.keyfile = {FOLDER}/server.key\nlog.console = true\n"
)
(HERE / "enabled_plugins").write_text("[].\n")
ENVIRONMENT = os.environ | {
    "ERL_EPMD_PORT": str(mapper),
    "ERL_EPMD_ADDRESS": "127.0.0.1",
    "RABBITMQ_NODENAME": f"without-tls-{os.getpid()}@localhost",
    "RABBITMQ_DIST_PORT": str(distribution),
    "RABBITMQ_MNESIA_BASE": f"{HERE}/mnesia",
    "RABBITMQ_LOG_BASE": f"{HERE}/log",
    "RABBITMQ_CONFIG_FILE": f"{HERE}/rabbitmq.conf",
    "RABBITMQ_CONF_ENV_FILE": os.devnull,
    "RABBITMQ_ENABLED_PLUGINS_FILE": f"{HERE}/enabled_plugins",
    "RUNNING_UNDER_SYSTEMD": "true",
}


def tool(name, *arguments):
    return subprocess.run([name, "--quiet", *arguments], env=ENVIRONMENT, capture_output=True, text=True)


log = HERE / "node.log"
with log.open("w") as output:
    node = subprocess.Popen(["rabbitmq-server"], env=ENVIRONMENT, cwd=HERE, stdout=output, stderr=output)
try:
    until = time.monotonic() + 90
    while "Server startup complete" not in log.read_text():
        if node.poll() is not None or time.monotonic() > until:
            sys.exit(f"the node did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.2)
    taken.close()  # the port is free again
    time.sleep(15)
    told = {" ".join(check): tool("rabbitmq-diagnostics", *check).returncode for check in CHECKS}
    version = tool("rabbitmqctl", "version").stdout.strip()
finally:
    node.terminate()
    node.wait()
    subprocess.run(["epmd", "-port", str(mapper), "-kill"], env=ENVIRONMENT, capture_output=True)

print("rabbitmq-server", version)
print("expected: a node that cannot listen where it was told does not start, or is not healthy")
print("seen: it started;", ", ".join(f"{check} {code}" for check, code in told.items()))
sys.exit(0 if list(told.values()) == [0, 0, 0, 69] else 1)
PYTHON
