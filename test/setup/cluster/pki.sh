# shellcheck shell=bash
# Certificates and kubeconfigs, signed by an authority that lives as long as the cluster.
authority() {
  if [[ ! -f $PKI/ca.crt ]]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=cluster-ca -keyout "$PKI/ca.key" -out "$PKI/ca.crt" 2>/dev/null
    openssl ecparam -name prime256v1 -genkey -noout -out "$PKI/sa.key"
  fi
}
cert() { # FILE SUBJECT [ALTERNATIVE_NAMES]
  [[ -f $PKI/$1.crt ]] && return
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$2" -keyout "$PKI/$1.key" 2>/dev/null |
    openssl x509 -req -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" -CAcreateserial -days 3650 -out "$PKI/$1.crt" \
      -extfile <(printf 'extendedKeyUsage=serverAuth,clientAuth\n%s' "${3:+subjectAltName=$3}") 2>/dev/null
}
kubeconfig() { # FILE CERT
  cat > "$S/$1.conf" <<YAML
apiVersion: v1
kind: Config
current-context: anneal
contexts: [{ name: anneal, context: { cluster: anneal, user: $1 } }]
clusters: [{ name: anneal, cluster: { server: "$SERVER", certificate-authority: $PKI/ca.crt } }]
users: [{ name: $1, user: { client-certificate: $PKI/$1.crt, client-key: $PKI/$1.key } }]
YAML
}
control_plane_certificates() {
  cert apiserver /CN=kube-apiserver "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:10.96.0.1,IP:$CLUSTER_NET.1"
  cert admin /O=system:masters/CN=admin
  cert front-proxy /CN=front-proxy
  cert controller-manager /CN=system:kube-controller-manager
  cert scheduler /CN=system:kube-scheduler
  cert proxy /CN=system:kube-proxy
  for name in admin controller-manager scheduler proxy; do kubeconfig $name; done
}
