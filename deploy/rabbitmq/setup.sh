#!/bin/sh
# Gives a RabbitMQ node the topology and the users of the bridge. May run again at any time: nothing is lost.
#
#   setup.sh DEFINITIONS PASSWORDS
#
# DEFINITIONS is definitions.json. PASSWORDS is a folder with one file per user: bridge_password, epr_password.
set -eu

definitions=$1
passwords=$2

rabbitmqctl --quiet await_startup
rabbitmqctl --quiet import_definitions "$definitions"
users=$(rabbitmqctl --quiet list_users --no-table-headers | cut -f 1)

exists() {
    printf '%s\n' "$users" | grep -qx "$1"
}

# user NAME CONFIGURE WRITE READ: the patterns are RabbitMQ's permissions on names.
user() {
    # The password goes in by standard input, so no process list shows it.
    if exists "$1"; then
        rabbitmqctl --quiet change_password "$1" <"$passwords/$1_password"
    else
        rabbitmqctl --quiet add_user "$1" <"$passwords/$1_password"
    fi
    rabbitmqctl --quiet set_permissions "$1" "$2" "$3" "$4"
}

# amq.default is where copies for waiting rooms and dead letters go; `bridge send --wait` listens on a queue amq_….
user bridge '^(gpconnect\.|amq_)' '^(gpconnect\.|amq\.default$|amq_)' '^(gpconnect\.|amq_)'
user epr '^$' '^gpconnect\.requests$' '^epr\.'

# The account that every new node has, with a password that everybody knows.
if exists guest; then
    rabbitmqctl --quiet delete_user guest
fi
