#!/bin/sh
# Gives a virtual host of RabbitMQ the exchanges, limits, users and rights of the bridge. May run again: nothing is lost.
#
#   setup.sh [OPTIONS] DEFINITIONS PASSWORDS
#
# DEFINITIONS is definitions.json. PASSWORDS is a folder with one file per user: bridge_password, epr_password.
#
#   --vhost NAME      the virtual host; made when it is not there. Else the one that every node has, /
#   --sample-queue    also makes epr.gpconnect, bound to every event. Somebody must read it: when it holds 4 GiB the
#                     workers wait
#   --delete-guest    also deletes the user guest, whose password everybody knows; for the whole node
set -eu

usage() {
    sed -n '2,12s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

vhost=/
sample=no
delete_guest=no
while [ $# -gt 0 ]; do
    case $1 in
        --vhost) [ $# -gt 1 ] || usage; vhost=$2; shift ;;
        --sample-queue) sample=yes ;;
        --delete-guest) delete_guest=yes ;;
        -*) usage ;;
        *) break ;;
    esac
    shift
done
[ $# -eq 2 ] || usage
definitions=$1
passwords=$2
case $vhost in
    *[!A-Za-z0-9/._-]* | '')
        echo "the name of a virtual host is made of letters, digits and / . _ - here" >&2
        exit 2
        ;;
esac

rabbitmqctl --quiet await_startup
if ! rabbitmqctl --quiet list_vhosts name --no-table-headers | grep -qxF -e "$vhost"; then
    rabbitmqctl --quiet add_vhost "$vhost"
fi

# What is in a file is imported into the virtual host that each entry names.
copy=$(mktemp)
trap 'rm -f "$copy"' EXIT
{
    echo '{'
    if [ "$sample" = yes ]; then
        cat <<JSON
  "queues": [
    {
      "vhost": "$vhost", "name": "epr.gpconnect", "durable": true, "auto_delete": false,
      "arguments": { "x-queue-type": "quorum" }
    }
  ],
  "bindings": [
    {
      "vhost": "$vhost", "source": "gpconnect.events", "destination": "epr.gpconnect",
      "destination_type": "queue", "routing_key": "#", "arguments": {}
    }
  ],
JSON
    fi
    sed "1d; s|\"vhost\": \"/\"|\"vhost\": \"$vhost\"|" "$definitions"
} >"$copy"
rabbitmqctl --quiet import_definitions "$copy"
users=$(rabbitmqctl --quiet list_users --no-table-headers | cut -f 1)

exists() {
    printf '%s\n' "$users" | grep -qx "$1"
}

# user NAME CONFIGURE WRITE READ: the patterns are RabbitMQ's permissions on names.
user() {
    # The password goes in by standard input, so no process list shows it. Of RabbitMQ 4 these two read it only when
    # they have no option before or after the name.
    if exists "$1"; then
        rabbitmqctl change_password "$1" <"$passwords/$1_password" >/dev/null
    else
        rabbitmqctl add_user "$1" <"$passwords/$1_password" >/dev/null
    fi
    rabbitmqctl --quiet set_permissions --vhost "$vhost" "$1" "$2" "$3" "$4"
}

# amq.default is where copies for delay queues and dead letters go; `bridge send --wait` listens on a queue amq_….
user bridge '^(gpconnect\.|amq_)' '^(gpconnect\.|amq\.default$|amq_)' '^(gpconnect\.|amq_)'
user epr '^$' '^gpconnect\.requests$' '^epr\.'

if [ "$delete_guest" = yes ] && exists guest; then
    rabbitmqctl --quiet delete_user guest
fi
