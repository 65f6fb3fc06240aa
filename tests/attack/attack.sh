# attack.sh: what the lines of test_trust.c have in common; read by sh. $A is the folder with the
# canary's bundle and its spoilt libraries, $K that of tests/fixtures/keys.

# A user who trusts acme for acme/*, acme's signed bundle in b/, and a model that asks for it.
fresh() {
    chmod -R u+w . 2>/dev/null
    find . -mindepth 1 -maxdepth 1 ! -name 'std*.txt' -exec rm -rf {} +
    export CORBEL_HOME=$PWD/home
    cp -r "$A/bundle" b && chmod -R u+w b || exit 99
    mkdir model
    echo '{"architectures": ["CanaryModel"], "model_type": "canary", "hidden_size": 4}' >model/config.json
    corbel key new acme --no-passphrase >/dev/null || exit 99
    corbel key trust home/keys/acme.pub --for 'acme/*' >/dev/null || exit 99
    sign
}
M=corbel-plugin.json

sign() { corbel plugin sign b --key acme >/dev/null || exit 99; }
# Sign what `corbel plugin sign` would not, with acme's key: with the right comment, or another one.
sign_as() { minisign -S -s home/keys/acme.key -m b/$M -t "$1" -x b/$M.minisig >/dev/null 2>&1 </dev/null || exit 99; }
sign_anyway() { sign_as "name:$(sed -n 's/^ "name": "\(.*\)",/\1/p' b/$M) release:1 pin:$(pin)"; }
install() { pin=$(corbel plugin install b) || exit 99; store=home/plugins/$pin; chmod -R u+w "$store"; }
pin() { sha256sum b/$M | cut -d ' ' -f 1; }
library() { find "$1" -name '*.so'; }

# flip FILE OFFSET: one bit.
flip() {
    byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    printf "$(printf '\\%03o' $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
# edit SED-EXPRESSION: in the manifest, which is then signed again by its rightful owner.
edit() { sed -i "$1" b/$M && sign; }
# Puts another library into the bundle, with a manifest that agrees, signed.
replace() {
    cp "$1" "$(library b)"
    sed -i "/[a-z]*.so\",/{n;s/\"sha256\": \".*\"/\"sha256\": \"$(sha256sum <"$1" | cut -d ' ' -f 1)\"/;n;s/\"size\": [0-9]*/\"size\": $(stat -c %s "$1")/}" b/$M
    sign_anyway
}

# Acme's plugin in C++ in place of the canary, and a model that asks for it.
cxx() {
    rm -rf b && cp -r "$A/cxx" b && chmod -R u+w b || exit 99
    sed -i 's/CanaryModel/CxxModel/; s/"canary"/"cxx"/' model/config.json
    sign
}

# Another bundle in the place of acme's first: the canary with a shader.
shader() { rm -rf b; cp -r "$A/shader" b && chmod -R u+w b && sign; }
# spoil INDEX BYTES: a word of the shader's SPIR-V in the library, with a manifest that agrees.
spoil() {
    cp "$(library b)" x.so
    begin=$(LC_ALL=C grep -obUaP '\x03\x02\x23\x07' x.so | head -n 1 | cut -d : -f 1)
    printf "$2" | dd of=x.so bs=1 seek=$((begin + 4 * $1)) conv=notrunc 2>/dev/null
    replace x.so
}

# The attack itself, as a user would walk into it: status, and whether anything of the plugin ran.
try() {
    timeout 20 corbel "$@"
    status=$?
    [ ! -e canary-ran ] || echo "CANARY: a file was left" >&2
    return $status
}
run() { try info model "$@"; }

# A lock for the model and the bundle b, as `corbel lock` would write it if the canary were sound.
lock() {
    cat >corbel.lock <<END
{
 "abi": {
  "major": $(sed -n 's/.*"major": \([0-9]*\).*/\1/p' "$A/abi.lock"),
  "minor": $(sed -n 's/.*"minor": \([0-9]*\).*/\1/p' "$A/abi.lock")
 },
 "architectures": [
  {
   "commit": "$(sed -n 's/.*"commit": "\(.*\)".*/\1/p' b/$M)",
   "key": "$(tail -1 home/keys/acme.pub)",
   "library": "$(sha256sum <"$(library b)" | cut -d ' ' -f 1)",
   "name": "CanaryModel",
   "pin": "$(pin)",
   "plugin": "acme/canary",
   "release": $(sed -n 's/.*"release": \([0-9]*\).*/\1/p' b/$M),
   "repo": "",
   "target": "$(sed -n 's/.*"tag": "\(.*\)".*/\1/p' b/$M)"
  }
 ],
 "models": [
  {
   "commit": "",
   "endpoint": "",
   "files": [
    {
     "path": "config.json",
     "sha256": "$(sha256sum <model/config.json | cut -d ' ' -f 1)",
     "size": $(stat -c %s model/config.json)
    }
   ],
   "id": "model",
   "revision": ""
  }
 ],
 "schema": "corbel.lock/1"
}
END
}
