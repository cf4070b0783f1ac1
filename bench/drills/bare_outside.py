"""What the host that is being installed needs of the internet, inside of it: a mail server, and a Let's Encrypt.

Debian's aiosmtpd as `mail.example.com`, which asks for TLS and a password and keeps each mail as a file, and Debian's
Pebble, the server that Let's Encrypt has programs like certbot tried with. It looks at port 80 of the name it is to
certify, as the real one does. What is typed and what the site does is the same as outside; the host trusts them because
their certificates lie in its store.
"""

PACKAGES = ("pebble", "python3-aiosmtpd")
# Whom to ask in place of Let's Encrypt: the one thing that certbot and Caddy are told besides the page.
DIRECTORY = "https://acme.example.com:14000/dir"
TELL_CERTBOT = f"echo 'server = {DIRECTORY}' >> /etc/letsencrypt/cli.ini"
TELL_CADDY = f"sed -i '0,/^{{/s,,{{\\n\\tacme_ca {DIRECTORY},' /etc/caddy/Caddyfile"
SET_UP = r"""
set -eu
apt-get install --yes --no-install-recommends pebble python3-aiosmtpd >/dev/null 2>&1
mkdir -p outside mails && cd outside
printf '127.0.0.1 mail.example.com acme.example.com\n' >> /etc/hosts
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=outside -keyout key.pem -out cert.pem \
    -addext 'subjectAltName=DNS:mail.example.com,DNS:acme.example.com' 2>/dev/null
cp cert.pem /usr/local/share/ca-certificates/outside.crt && update-ca-certificates >/dev/null 2>&1
cat >pebble.json <<'END'
{"pebble": {"listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
 "certificate": "cert.pem", "privateKey": "key.pem", "httpPort": 80, "tlsPort": 443}}
END
for name in acme mail; do
    [ $name = acme ] && start='/usr/bin/pebble -config pebble.json' || start='/usr/bin/python3 /root/mail.py'
    cat >/etc/systemd/system/outside-$name.service <<END
[Service]
WorkingDirectory=/root/outside
Environment=PEBBLE_VA_NOSLEEP=1
ExecStart=$start
[Install]
WantedBy=multi-user.target
END
done
systemctl enable --quiet --now outside-acme outside-mail
"""
# Pebble is another authority after each of its starts; what the one before has signed stays good.
TRUST = r"""
for second in $(seq 30); do
    curl -sf https://acme.example.com:15000/roots/0 >"/usr/local/share/ca-certificates/acme-$(date +%s).crt" && break
    sleep 1
done
update-ca-certificates >/dev/null 2>&1
"""
MAIL_SERVER = r"""
import asyncio, itertools, pathlib, ssl
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

numbers = itertools.count()

class Mailbox:
    async def handle_DATA(self, server, session, envelope):
        for address in envelope.rcpt_tos:
            pathlib.Path(f"/root/mails/{next(numbers):04}-{address}").write_bytes(envelope.content)
        return "250 OK"

def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"user", b"password"))

tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
tls.load_cert_chain("cert.pem", "key.pem")
Controller(Mailbox(), hostname="mail.example.com", port=587, tls_context=tls, require_starttls=True,
           authenticator=authenticate, auth_required=True).start()
asyncio.new_event_loop().run_forever()
"""
