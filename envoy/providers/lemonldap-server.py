"""The portal of LemonLDAP::NG (https://lemonldap-ng.org) as an OpenID provider, with its demonstration users.

Run in a folder of its own, where its configuration and sessions are; `root` is where its Debian packages are unpacked, `keys` has
private keys in PEM:
  python lemonldap-server.py '{"root": "…", "keys": "…", "port": 12000, "application": "http://localhost:12001"}'

Its portal is a PSGI application. Debian runs it as FastCGI behind nginx, which needs root; here Plack's own server runs it.
"""

import glob
import json
import os
import subprocess
import sys

INI = """
[all]
logLevel = warn
logger = Lemonldap::NG::Common::Logger::Std
userLogger = Lemonldap::NG::Common::Logger::Std
[configuration]
type = File
dirName = {folder}/conf
localStorage = Cache::FileCache
localStorageOptions = {{'namespace' => 'configuration', 'default_expires_in' => 600, 'directory_umask' => '007', 'cache_root' => '{folder}/cache', 'cache_depth' => 3}}
[portal]
staticPrefix = /static
templateDir = {root}/usr/share/lemonldap-ng/portal/templates
languages = en
"""

SERVER = """
use Plack::Runner;
use Lemonldap::NG::Portal::Main;

# It loads its captcha even where none is shown, and that needs ImageMagick.
package Lemonldap::NG::Portal::Captcha::None;
use Mouse;
extends 'Lemonldap::NG::Portal::Main::Plugin';
sub init { 1 }
BEGIN { $INC{'Lemonldap/NG/Portal/Captcha/None.pm'} = 'here' }

package main;
my $runner = Plack::Runner->new;
$runner->parse_options('-s', 'Standalone', '-E', 'deployment', '--host', '127.0.0.1', '--port', shift @ARGV,
    '--no-default-middleware', '--max-workers', '2');
$runner->run(Lemonldap::NG::Portal::Main->run({}));
"""


def configuration(given):
    folder = os.getcwd()
    application = given["application"]
    with open(f"{given['keys']}/rsa.pem") as file:
        private = file.read()
    public = subprocess.run(["openssl", "pkey", "-pubout"], input=private, capture_output=True, text=True, check=True).stdout
    storage = lambda name: {"Directory": f"{folder}/{name}", "LockDirectory": f"{folder}/{name}/lock", "generateModule": "Lemonldap::NG::Common::Apache::Session::Generate::SHA256"}

    def client(client_id, **more):
        options = {
            "ClientID": client_id, "ClientSecret": f"the-secret-of-{client_id}", "DisplayName": client_id,
            "RedirectUris": f"{application}/oauth2/callback", "PostLogoutRedirectUris": f"{application}/",
            "BypassConsent": 1, "IDTokenForceClaims": 1, "IDTokenSignAlg": "RS256", "UserIDAttr": "uid", "RefreshToken": 1,
            "AccessTokenExpiration": 20, "IDTokenExpiration": 600, "LogoutBypassConfirm": 0, **more,
        }
        return {f"oidcRPMetaDataOptions{name}": value for name, value in options.items()}

    clients = {
        "portal": client("portal", AccessTokenJWT=1, AccessTokenSignAlg="RS256", AdditionalAudiences="https://api.example.org"),
        "opaque": client("opaque", AdditionalAudiences="https://api.example.org"),
        "hs256": client("hs256", IDTokenSignAlg="HS256"),
        "rs512": client("rs512", IDTokenSignAlg="RS512"),
    }
    return {
        "cfgNum": 1, "cfgAuthor": "a test", "cfgVersion": "2.16.1", "cfgDate": "1700000000",
        "portal": f"http://127.0.0.1:{given['port']}/", "domain": "127.0.0.1", "securedCookie": 0, "cookieName": "lemonldap", "timeout": 72000,
        "authentication": "Demo", "userDB": "Same", "passwordDB": "Demo", "registerDB": "Null",
        "demoExportedVars": {"cn": "cn", "mail": "mail", "uid": "uid"}, "exportedVars": {}, "groups": {}, "macros": {},
        "whatToTrace": "_whatToTrace", "portalSkin": "bootstrap", "requireToken": 0, "captcha": "::Captcha::None", "portalCheckLogins": 0,
        "globalStorage": "Apache::Session::File", "globalStorageOptions": storage("sessions"),
        "persistentStorage": "Apache::Session::File", "persistentStorageOptions": storage("psessions"),
        "localSessionStorage": "Cache::FileCache",
        "localSessionStorageOptions": {"cache_depth": 3, "cache_root": f"{folder}/cache", "default_expires_in": 600, "directory_umask": "007", "namespace": "sessions"},
        "locationRules": {}, "exportedHeaders": {}, "loginHistoryEnabled": 0,
        "issuerDBOpenIDConnectActivation": 1, "issuerDBOpenIDConnectPath": "^/oauth2/", "issuerDBOpenIDConnectRule": 1,
        "oidcServiceAllowAuthorizationCodeFlow": 1, "oidcServicePrivateKeySig": private, "oidcServicePublicKeySig": public,
        "oidcServiceKeyIdSig": "the-key", "oidcServiceIgnoreScopeForClaims": 0,
        "oidcRPMetaDataOptions": clients,
        "oidcRPMetaDataExportedVars": {name: {"email": "mail", "name": "cn", "preferred_username": "uid"} for name in clients},
    }


def main():
    given = json.loads(sys.argv[1])
    root, folder = given["root"], os.getcwd()
    for name in ["conf", "cache", "sessions/lock", "psessions/lock"]:
        os.makedirs(name)
    with open("conf/lmConf-1.json", "w") as file:
        json.dump(configuration(given), file)
    with open("lemonldap-ng.ini", "w") as file:
        file.write(INI.format(root=root, folder=folder))
    libraries = glob.glob(f"{root}/usr/lib/*-linux-*")
    modules = [f"{root}/usr/share/perl5", *(path for library in libraries for path in glob.glob(f"{library}/perl5/*"))]
    environment = os.environ | {
        "PERL5LIB": ":".join(modules), "LD_LIBRARY_PATH": ":".join(libraries), "LLNG_DEFAULTCONFFILE": f"{folder}/lemonldap-ng.ini",
    }
    with open("server.pl", "w") as file:
        file.write(SERVER)
    # In place of this program, so that who ends it ends the server.
    os.execvpe("perl", ["perl", "server.pl", str(given["port"])], environment)


if __name__ == "__main__":
    main()
